"""What all tests share: a worker to talk to, the command to run, and a look at what is left behind."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
FAULTY = Path(__file__).parent / "faulty"

# Tests that are started in the background have interrupts ignored, and so would each command that they start.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)

# No test judges a time, and a busy machine makes every example slow.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")


# These talk to real brokers and processes, on machines that are shared: what fails there once and then does
# not is reported as a rerun, and what fails three times is a failure. What only computes is not tried again.
TRIED_AGAIN = {
    "brokers",
    "contract",
    "test_ab",
    "test_browser",
    "test_check",
    "test_cli",
    "test_docs",
    "test_doctor",
    "test_driver",
    "test_instructions",
    "test_ledger_injected",
    "test_ledger_making",
    "test_live",
    "test_metrics",
    "test_open_load",
    "test_open_shapes",
    "test_plugin",
    "test_questions",
    "test_report_cli",
    "test_resuming",
    "test_shown",
    "test_tls",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        room = item.path.relative_to(ROOT / "tests").parts[0].removesuffix(".py")
        if room in TRIED_AGAIN or room.startswith("test_environments"):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=1))


@pytest.fixture
def faulty() -> Callable[[str], str]:
    """The path of a faulty client's adapter, by its name."""
    return lambda name: str(FAULTY / f"{name}.py")


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command in an empty folder, as a user would."""

    def run(
        *words: str, cwd: Path = tmp_path, timeout: float = 100, **env: str
    ) -> subprocess.CompletedProcess[str]:
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
def nothing_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Fails if a process that was started in the test, or a temporary folder, outlives it by five seconds."""
    mark = f"{os.getpid()}-{secrets.token_hex(8)}"
    monkeypatch.setenv("MQBENCH_TEST_MARK", mark)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    yield
    until = time.monotonic() + 5
    while (
        left := [*_marked(mark), *(path.name for path in temporary.iterdir())]
    ) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []


def _marked(mark: str) -> Iterator[str]:
    """The command lines of processes that inherited the mark."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("MQBENCH_TEST_MARK") == mark:
                yield " ".join(process.cmdline())
