#!/usr/bin/env python3
"""Does the gate still decide right? Real commands whose right answer is known.

Equal sides must never be a regression, and under callgrind must do the same work. A client that does a fifth
more work must be a regression. What a noisy machine leaves open is tried once more with more rounds. If that
is open too, it is a failure where so many rounds should have seen a fifth; where they could not, counted work
decides.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.ledger import calibration
from bench.ledger.injected import Injection

CLIENT, BROKER = "aioamqp", "embedded"
SLOWER = 0.20
SAME_WORK = 0.005
LEAST_WORK = 1.05  # of the client's instructions: what the kernel does for a message is in none of them
EQUAL_ROUNDS, SLOWER_ROUNDS = "6,9", ("6,9", "8,20")
PASS, REGRESSION, INCONCLUSIVE, UNFIT = 0, 1, 3, 5
CELL = '[[cells]]\nscenario = "headline"\nset = { warmup_s = 0.1 }\n'


class WrongError(Exception):
    """The gate was wrong, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A folder with three adapters: ``base``, ``same`` as it, and ``slower`` by a known share."""

    folder: Path

    def gate(self, candidate: str, margin: str, rounds: str) -> dict[str, Any]:
        """The outcome of ``mqbench check`` as its JSON has it; raises WrongError where it has none."""
        (self.folder / "gate.toml").write_text(f'base = "base.py"\ncandidate = "{candidate}"\n{CELL}')
        written = self.folder / "gate.json"
        written.unlink(missing_ok=True)
        words = ["check", "--config", "gate.toml", "--rounds", rounds, "--slices", "4", "--margin", margin]
        code = self._run(*words, "--json", str(written), capture=False).returncode
        if not written.is_file():
            raise WrongError(f"mqbench check ended with {code} and without an outcome")
        outcome: dict[str, Any] = json.loads(written.read_text())
        disturbed = f", while {outcome['disturbed']}" if outcome["disturbed"] else ""
        print(f"selftest: {candidate} against base.py: {outcome['outcome']}{disturbed}", flush=True)
        return outcome

    def work(self, candidate: str) -> float:
        """Instructions of a message, as a ratio to the base's."""
        words = ["ab", "base.py", candidate, "--set", "warmup_s=0.1", "--meter", "instructions"]
        done = self._run(*words, "--format", "json", "--no-report", capture=True)
        if done.returncode != 0:
            raise WrongError(f"mqbench ab --meter instructions ended with {done.returncode}: {done.stderr}")
        (cell,) = json.loads(done.stdout)
        print(f"selftest: {cell['sentence']}", flush=True)
        return float(cell["ratio"])

    def _run(self, *words: str, capture: bool) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bench", *words, "--broker", BROKER, "--quiet"]
        return subprocess.run(command, cwd=self.folder, check=False, capture_output=capture, text=True)


def equal_sides(bench: Bench) -> None:
    """Never a regression; a noisy machine may leave it open."""
    outcome = bench.gate("same.py", "20%", EQUAL_ROUNDS)
    if outcome["exit_code"] not in (PASS, INCONCLUSIVE, UNFIT):
        raise WrongError(f"equal sides were called {outcome['outcome']}")
    if abs(bench.work("same.py") - 1) > SAME_WORK:
        raise WrongError(f"equal sides were counted to differ in their work by more than {SAME_WORK:.1%}")


def slower_client(bench: Bench) -> None:
    """A regression, or no verdict where these rounds could not see the difference."""
    for rounds in SLOWER_ROUNDS:
        outcome = bench.gate("slower.py", "5%", rounds)
        if outcome["exit_code"] == REGRESSION:
            return
        if outcome["exit_code"] not in (INCONCLUSIVE, UNFIT):
            raise WrongError(f"{SLOWER:.0%} more work was called {outcome['outcome']}")
    (cell,) = outcome["cells"]
    if outcome["exit_code"] == INCONCLUSIVE and (cell["detectable"] or 1.0) < SLOWER / (1 + SLOWER):
        raise WrongError(f"{SLOWER:.0%} more work was not seen, though {cell['detectable']:.1%} could be")
    print("selftest: this machine is too noisy now to time a difference of a fifth, so work is counted")
    if bench.work("slower.py") < LEAST_WORK:
        raise WrongError(f"{SLOWER:.0%} more work was not counted")


def main() -> int:
    message_s = asyncio.run(calibration.message_s(CLIENT, BROKER, say=print))
    units = asyncio.run(calibration.units_for("work", SLOWER, message_s))
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(folder=Path(name))
        for file, extra in (("base", 0.0), ("same", 0.0), ("slower", units)):
            Injection(client=CLIENT, kind="work", units=extra).write(bench.folder, file)
        try:
            equal_sides(bench)
            slower_client(bench)
        except WrongError as error:
            print(f"selftest: failed: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
