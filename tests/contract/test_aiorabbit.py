"""aiorabbit keeps the contract, in an environment of its own: it needs an older pamqp than aio-pika does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = (
    "aiorabbit",
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
    ran = subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"),
            *("-o", "addopts=-rxs"),  # the project's own options are for plugins that are not there
            ROOT / "tests" / "contract" / "aiorabbit_contract.py",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout[-20_000:]}\n{ran.stderr[-2_000:]}"
    print(ran.stdout.splitlines()[-1])
