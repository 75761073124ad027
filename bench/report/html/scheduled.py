"""The table of a schedule's steps: what was due in each, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.html.rows import Row, Table, named
from bench.report.stepped import sound_steps

if TYPE_CHECKING:
    from bench.report.html.source import Digest

_RATES = ("target_rate_per_s", "rate_per_s")
_TIMES = ("latency_p50_us", "latency_p99_us", "latency_max_us")
_KEPT = {True: "yes", False: "no", None: ""}


def steps(digest: Digest) -> Table:
    """What was due in each step of each valid row, what came of it, and how long after it was due."""
    by_number = {case.case: case for case in digest.cases}
    rows = [
        Row(
            cells=(
                named(by_number[one["case"]], digest),
                str(one["rates"]),
                str(one["round"]),
                *("" if one[name] is None else f"{one[name]:,.0f}" for name in _RATES),
                *("" if one[name] is None else f"{one[name] / 1000:.3g}" for name in _TIMES),
                _KEPT[one["kept"]],
            ),
            case=by_number[one["case"]],
            is_wrong=one["kept"] is False,
        )
        for one in sound_steps(digest.source.run)
        if one["case"] in by_number
    ]
    figures = ("due messages/s", "came messages/s", "p50 ms", "p99 ms", "largest ms", "kept to 1 %")
    return Table(
        caption="Every step of every round", columns=("case", "step", "round", *figures), rows=rows, texts=2
    )


def has_latency(digest: Digest) -> bool:
    return any(one["latency_p99_us"] is not None for one in sound_steps(digest.source.run))
