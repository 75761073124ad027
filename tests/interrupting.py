"""Runs the command and stops it in the middle of a round, as Ctrl-C or a dead machine would."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT_S = 120.0


def rounds_in(table: Path) -> list[int]:
    """Of its rows so far; the last may be half written."""
    if not table.is_file():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return [int(row["round"]) for row in csv.DictReader(file) if row["elapsed_s"] and row["round"]]


def interrupted(
    *words: str, cwd: Path, within: int, by: signal.Signals = signal.SIGINT, folder: str = "run"
) -> str:
    """Stderr of a command that was stopped when round ``within`` had begun and was not over."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *words, "--output", folder],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        ends_s = time.monotonic() + LIMIT_S
        while within not in rounds_in(cwd / folder / "slices.csv"):
            assert time.monotonic() < ends_s
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(by)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == (130 if by == signal.SIGINT else -by), said
    return str(said)
