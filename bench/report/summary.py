"""A run's trials, one row a case: the rate with its interval over rounds, and what goes with it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from bench.stats.effects import FEWEST_ROUNDS
from bench.stats.intervals import CONFIDENCE, Interval, mean_interval, rate_interval
from bench.stats.steadiness import drift_over_rounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_PLACE = (
    "scenario",
    "point",
    "client",
    "client_version",
    "loop",
    "guarantee",
    "protocol",
    "broker_kind",
    "broker_origin",
    "broker_version",
)
_MEDIANS = (
    "latency_p50_us",
    "latency_p99_us",
    "confirm_p50_us",
    "client_cpu_us_per_message",
    "broker_cpu_us_per_message",
    "client_cores",
    "broker_cores",
    "peak_rss_bytes",
    "harness_share",
    "loop_lag_p99_us",
    "others_cores",
    "steal_share",
)
_REACHES = ("latency_p50_us", "latency_p99_us", "client_cpu_us_per_message")
_SURPRISES = ("lost", "duplicated", "reordered", "corrupted", "negative_latencies")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSummary:
    """One case over its rounds. Figures are of its valid rows alone; None where there is none, or no figure.

    ``rate_low_per_s`` and ``rate_high_per_s`` are a 95 % interval with rounds as replicates; None from fewer
    than two, as are all others. ``versus`` is the rate over that of the first valid case of the same scenario
    point, paired within rounds. A ``_reach`` is half the width of the interval of the mean over rounds.
    Latency is of the rows in which it is valid; ``latency_reason`` says of the first other one why it is not.
    ``drift`` is by how much the last third of its turns was faster than the first, where its rounds agree
    that it surely was (or slower, below 0); None where they do not.
    """

    case: int
    status: str
    reason: str
    scenario: str
    point: str
    client: str
    client_version: str | None
    loop: str
    guarantee: str
    protocol: str
    broker_kind: str | None
    broker_origin: str | None
    broker_version: str | None
    rounds: int
    received: int
    rate_per_s: float | None
    rate_low_per_s: float | None
    rate_high_per_s: float | None
    versus: float | None
    versus_low: float | None
    versus_high: float | None
    latency_p50_us: float | None
    latency_p99_us: float | None
    confirm_p50_us: float | None
    client_cpu_us_per_message: float | None
    broker_cpu_us_per_message: float | None
    client_cores: float | None
    broker_cores: float | None
    peak_rss_bytes: float | None
    harness_share: float | None
    loop_lag_p99_us: float | None
    others_cores: float | None
    steal_share: float | None
    latency_p50_us_reach: float | None
    latency_p99_us_reach: float | None
    client_cpu_us_per_message_reach: float | None
    bottleneck: str | None
    stamped: bool
    lost: int
    duplicated: int
    reordered: int
    corrupted: int
    negative_latencies: int
    latency_reason: str
    drift: float | None


def summarise(rows: Iterable[Mapping[str, Any]]) -> list[CaseSummary]:
    """One summary a case, in the order of their numbers, from the rows of trials.csv."""
    cases: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["case"] is not None:
            cases.setdefault(int(row["case"]), []).append(row)
    references: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    return [_case(number, cases[number], references) for number in sorted(cases)]


def _case(
    number: int,
    rows: Sequence[Mapping[str, Any]],
    references: dict[tuple[str, str], list[Mapping[str, Any]]],
) -> CaseSummary:
    valid = [_believed(row) for row in rows if row["status"] == "valid" and row["rate_per_s"]]
    wrong = [row for row in rows if row["status"] != "valid"]
    first = (wrong or rows)[0]
    rates = [math.exp(log) for log in _logs(valid).values()]
    interval = rate_interval(rates) if len(rates) > 1 else None
    place = (_text(first["scenario"]), _text(first["point"]))
    versus = versus_first(valid, references.setdefault(place, valid)) if valid else None
    causes = Counter(row["bottleneck"] for row in valid if row.get("bottleneck"))
    return CaseSummary(
        case=number,
        status=str(first["status"]),
        reason=_text(first["reason"]) if wrong else "",
        **{name: _text(first.get(name)) for name in _PLACE},  # type: ignore[arg-type]  # text columns all
        rounds=len(rates),
        received=_total(rows, "received"),
        rate_per_s=interval.estimate if interval else rates[0] if rates else None,
        rate_low_per_s=interval.low if interval else None,
        rate_high_per_s=interval.high if interval else None,
        versus=versus.estimate if versus else None,
        versus_low=versus.low if versus and versus.count > 1 else None,
        versus_high=versus.high if versus and versus.count > 1 else None,
        **{name: _median(valid, name) for name in _MEDIANS},  # type: ignore[arg-type]  # number columns all
        **{f"{name}_reach": _reach(valid, name) for name in _REACHES},  # type: ignore[arg-type]
        bottleneck=causes.most_common(1)[0][0] if causes else None,
        stamped=not any(row.get("stamped") is False for row in rows),
        **{name: _total(rows, name) for name in _SURPRISES},  # type: ignore[arg-type]
        latency_reason=next((str(why) for row in valid if (why := row.get("latency_reason"))), ""),
        drift=_drift(valid),
    )


def _drift(valid: Sequence[Mapping[str, Any]]) -> float | None:
    rounds: dict[int, list[float]] = {}
    for row in valid:
        if (drift := row.get("drift")) is not None:
            rounds.setdefault(int(row["round"]), []).append(math.log1p(drift))
    if len(rounds) < FEWEST_ROUNDS:
        return None
    found = drift_over_rounds([fmean(logs) for logs in rounds.values()])
    return math.expm1(found.interval.estimate) if found.drifting else None


def _believed(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row without the latencies of which it says itself that they are not valid."""
    if row.get("latency_valid") is not False:
        return row
    latencies = {name for name in row if name.startswith("latency_") and name.endswith("_us")}
    return {name: None if name in latencies else value for name, value in row.items()}


def versus_first(
    valid: Sequence[Mapping[str, Any]], reference: Sequence[Mapping[str, Any]]
) -> Interval | None:
    """The ratio of the rates, paired within the rounds that both have; of one round without an interval.

    A reference may have a row a block: the mean of its logarithms stands for the round.
    """
    mine, theirs = _logs(valid), _logs(reference)
    ratios = [math.exp(mine[number] - theirs[number]) for number in mine.keys() & theirs.keys()]
    if len(ratios) > 1:
        return rate_interval(ratios)
    return Interval(estimate=ratios[0], low=0, high=0, confidence=CONFIDENCE, count=1) if ratios else None


def _logs(rows: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    logs: dict[int, list[float]] = {}
    for row in rows:
        logs.setdefault(int(row["round"]), []).append(math.log(row["rate_per_s"]))
    return {number: fmean(values) for number, values in logs.items()}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _numbers(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [float(row[name]) for row in rows if row.get(name) is not None]


def _total(rows: Sequence[Mapping[str, Any]], name: str) -> int:
    return int(sum(_numbers(rows, name)))


def _median(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    numbers = _numbers(rows, name)
    return median(numbers) if numbers else None


def _reach(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    numbers = _numbers(rows, name)
    return mean_interval(numbers).half_width if len(numbers) > 1 else None


def as_json(cases: Sequence[CaseSummary]) -> str:
    return json.dumps([asdict(case) for case in cases], indent=2, ensure_ascii=False)


def as_csv(cases: Sequence[CaseSummary]) -> str:
    return csv_of([asdict(case) for case in cases], list(CaseSummary.__dataclass_fields__))


def csv_of(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
