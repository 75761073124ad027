"""The steps of a schedule as they may be shown: those of valid rows, without a latency that is in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.results import Run

_KEY = ("case", "round", "block")
_TIMES = ("latency_p50_us", "latency_p99_us", "latency_max_us")


def sound_steps(run: Run) -> list[Mapping[str, Any]]:
    """Rows of steps.csv, in its order; a step of a row whose latency is not valid has none."""
    trials = {tuple(row[name] for name in _KEY): row for row in run.rows if row["status"] == "valid"}
    found: list[Mapping[str, Any]] = []
    for step in run.steps:
        trial = trials.get(tuple(step[name] for name in _KEY))
        if trial is not None:
            doubted = trial.get("latency_valid") is False
            found.append({**step, **dict.fromkeys(_TIMES)} if doubted else step)
    return found
