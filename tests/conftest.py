"""What all tests share: a worker to talk to, the command to run, and a look at what is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parent.parent
FAULTY = Path(__file__).parent / "faulty"


@pytest.fixture
def faulty() -> Callable[[str], str]:
    """The path of a faulty client's adapter, by its name."""
    return lambda name: str(FAULTY / f"{name}.py")


@pytest.fixture
def mqbench(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command in an empty folder, as a user would."""

    def run(*words: str, cwd: Path = tmp_path, timeout: float = 100, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bench", *words],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1", **env},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Fails if a worker, broker or temporary folder of ours outlives the test."""
    yield
    left = [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if any("bench.worker" in word or "bench.brokers" in word for word in process.info["cmdline"] or ())
    ]
    assert left == []
