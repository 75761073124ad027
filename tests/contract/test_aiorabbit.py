"""aiorabbit keeps the contract, in an environment of its own: it needs an older pamqp than aio-pika does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contract.apart import ROOT, keeps_the_contract

PACKAGES = (
    "aiorabbit",
    "hypothesis",
    "pika",
    "psutil",
    "pytest",
    "pytest-asyncio>=1.4",
    "pytest-timeout",
    "uvloop",
    "rloop",
)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with aiorabbit and what the contract needs; skips where none can be made."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("no uv to make aiorabbit's environment with; https://docs.astral.sh/uv")
    folder = tmp_path_factory.mktemp("aiorabbit")
    interpreter = folder / "bin" / "python"
    install = ["pip", "install", "-p", str(interpreter)]
    for words in (
        ["venv", "--python", sys.executable, str(folder)],
        [*install, *PACKAGES],
        [*install, "--no-deps", "--editable", str(ROOT)],  # the embedded broker asks for its own version
    ):
        made = subprocess.run([uv, *words], capture_output=True, text=True, timeout=100, check=False)
        if made.returncode:
            reason = f"no environment for aiorabbit: {made.stderr.strip()[-300:]}"
            if os.environ.get("CI") == "true":
                pytest.fail(f"{reason} (CI must have it)")
            pytest.skip(reason)
    return interpreter


@pytest.mark.timeout(400)
def test_aiorabbit_keeps_the_contract(python: Path) -> None:
    # The project's own options are for plugins that are not there.
    keeps_the_contract(python, "aiorabbit_contract", "-o", "addopts=-rxs", limit_s=380)
