"""Whether a rate is held for long: errors, the rate, drift of the latency and a leak, each with its gate.

The first fifth of the windows is for settling and in no slope, whatever it looks like. A slope is that of the
means of a few long stretches, with its interval: a gate fails where the whole interval lies beyond its limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from bench.answers import Answer
from bench.answers.wording import per_s, where, who
from bench.report.grid import Heading, Row, grid
from bench.report.summary import summarise
from bench.schema import SOAK_COLUMNS
from bench.stats.growth import FEWEST, Growth, growth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.answers import Rows

SETTLING = 0.2
MIB = 1 << 20
_HOUR_S = 3600
_WRONG = ("lost", "duplicated", "reordered", "corrupted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    name: str
    measured: str
    limit: str
    verdict: Literal["passed", "failed", "unknown"]


def answer(question: Mapping[str, Any], rows: Rows, slices: Rows) -> Answer:
    windows = list(slices)
    ends = list(accumulate(float(window["elapsed_s"]) for window in windows))
    settled = range(int(SETTLING * len(windows)), len(windows))
    gates = _gates(question, rows, [windows[at] for at in settled], [ends[at] for at in settled])
    return Answer(
        kind="soak",
        columns=SOAK_COLUMNS,
        rows=[_row(number, window, ends[number], number in settled) for number, window in enumerate(windows)],
        shown=grid(
            (*(Heading(name=name) for name in ("gate", "measured", "limit", "verdict")),),
            (
                Row((gate.name, gate.measured, gate.limit, gate.verdict), wrong=gate.verdict == "failed")
                for gate in gates
            ),
        ),
        sentences=[_sentence(question, rows, gates, ends)],
        settled=all(gate.verdict == "passed" for gate in gates),
        beware=frozenset(),  # its gates say what there is to know
        failed=any(gate.verdict == "failed" for gate in gates),
    )


def _row(number: int, window: Mapping[str, Any], end_s: float, settled: bool) -> dict[str, Any]:
    names = ("rate_per_s", *_WRONG, "latency_p50_us", "latency_p99_us", "worker_rss_bytes")
    shown = {name: window[name] for name in names}
    return {"window": number, "at_s": end_s, **shown, "settled": settled}


def _gates(question: Mapping[str, Any], rows: Rows, windows: Rows, ends: Sequence[float]) -> tuple[Gate, ...]:
    row = rows[0] if rows else {}
    return (
        _errors(row),
        _rate(row),
        _drift(row, _growth(windows, ends, "latency_p50_us"), windows, float(question["drift"])),
        _leak(_growth(windows, ends, "worker_rss_bytes"), int(question["leak_bytes"])),
    )


def _growth(windows: Rows, ends: Sequence[float], name: str) -> Growth | None:
    pairs = [
        (end, float(window[name]))
        for end, window in zip(ends, windows, strict=True)
        if window[name] is not None
    ]
    if len(pairs) < FEWEST:
        return None
    times, values = zip(*pairs, strict=True)
    return growth(times, values)


def _errors(row: Mapping[str, Any]) -> Gate:
    if row.get("status") == "valid":
        return Gate(
            name="errors", measured=f"{row['received']:,} messages, all accounted for", limit="none",
            verdict="passed",
        )  # fmt: skip
    why = str(row.get("reason") or "it was interrupted")
    ended = why.startswith("interrupted") or not row
    return Gate(name="errors", measured=why, limit="none", verdict="unknown" if ended else "failed")


def _rate(row: Mapping[str, Any]) -> Gate:
    limit = "99 % of what was asked for"
    if not row.get("target_rate_per_s") or not row.get("rate_per_s"):
        return Gate(name="rate", measured="nothing was measured", limit=limit, verdict="unknown")
    share = row["rate_per_s"] / row["target_rate_per_s"]
    return Gate(
        name="rate",
        measured=f"{per_s(row['rate_per_s'])} messages a second, {100 * share:.2f} %",
        limit=limit,
        verdict="passed" if row["schedule_kept"] else "failed",
    )


def _drift(row: Mapping[str, Any], found: Growth | None, windows: Rows, most: float) -> Gate:
    limit = f"+{100 * most:g} %"
    name = "drift of the median latency"
    if row.get("latency_valid") is False:
        why = str(row["latency_reason"]).partition(";")[0]
        return Gate(name=name, measured=f"latency is not valid: {why}", limit=limit, verdict="unknown")
    if found is None:
        return Gate(name=name, measured="too few windows", limit=limit, verdict="unknown")
    usual = fmean(float(window["latency_p50_us"]) for window in windows if window["latency_p50_us"])
    change = found.change
    estimate, low, high = (100 * value / usual for value in (change.estimate, change.low, change.high))
    return Gate(
        name=name,
        measured=f"{estimate:+.1f} % [{low:+.1f}, {high:+.1f}] in {found.span_s:,.0f} s",
        limit=limit,
        verdict="failed" if low > 100 * most else "passed",
    )


def _leak(found: Growth | None, most_bytes: int) -> Gate:
    limit = f"+{most_bytes / MIB:g} MiB"
    if found is None:
        return Gate(name="memory", measured="too few windows", limit=limit, verdict="unknown")
    change, slope = found.change, found.slope
    grown = ", ".join(f"{value / MIB:+.2f}" for value in (change.low, change.high))
    hourly = ", ".join(f"{_HOUR_S * value / MIB:+.3g}" for value in (slope.low, slope.high))
    return Gate(
        name="memory of the worker",
        measured=f"{change.estimate / MIB:+.2f} MiB [{grown}] in {found.span_s:,.0f} s, "
        f"{_HOUR_S * slope.estimate / MIB:+.3g} MiB [{hourly}] an hour",
        limit=limit,
        verdict="failed" if change.low > most_bytes else "passed",
    )


def _sentence(question: Mapping[str, Any], rows: Rows, gates: Sequence[Gate], ends: Sequence[float]) -> str:
    if not rows:
        return "The soak did not come to its end: see its windows in slices.csv."
    (case,) = summarise(rows)
    lasted = f"{ends[-1]:,.0f} s" if ends else "no time"
    ran = (
        f"{who(case)} ran for {lasted} at {per_s(float(question['rate_per_s']))} messages a second "
        f"at {case.scenario} against {where(case)}"
    )
    for verdict in ("failed", "unknown"):
        wrong = [gate for gate in gates if gate.verdict == verdict]
        if wrong:
            whats = "; ".join(f"{gate.name} ({gate.measured})" for gate in wrong)
            return f"{ran}, and {'failed' if verdict == 'failed' else 'cannot be judged'}: {whats}."
    held = "; ".join(f"{gate.name} {gate.measured}" for gate in gates[1:])
    return f"{ran} and passed: {gates[0].measured}; {held}."
