"""Runs the contract of one client with a pytest of its own, in an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def keeps_the_contract(python: str | Path, contract: str, *options: str, limit_s: float) -> None:
    """Fails with what pytest said, unless it is content with ``tests/contract/CONTRACT.py``."""
    ran = subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *options),
            ROOT / "tests" / "contract" / f"{contract}.py",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout[-20_000:]}\n{ran.stderr[-2_000:]}"
    print(ran.stdout.splitlines()[-1])
