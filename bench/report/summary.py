"""A run's trials, one row a case: the rate with its interval over rounds, and what goes with it."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.stats.intervals import rate_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

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
_SURPRISES = ("lost", "duplicated", "reordered", "corrupted", "negative_latencies")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSummary:
    """One case over its rounds. Figures are of its valid rows alone; None where there is none, or no figure.

    ``rate_low_per_s`` and ``rate_high_per_s`` are a 95 % interval with rounds as replicates; None from fewer
    than two. ``versus`` is the rate over that of the first valid case of the same scenario point.
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
    bottleneck: str | None
    stamped: bool
    lost: int
    duplicated: int
    reordered: int
    corrupted: int
    negative_latencies: int


def summarise(trials: pd.DataFrame) -> list[CaseSummary]:
    """One summary a case, in the order of their numbers."""
    references: dict[tuple[str, str], float] = {}
    summaries = []
    for number, rows in trials.groupby("case", sort=True):
        summaries.append(_case(int(str(number)), rows, references))
    return summaries


def _case(number: int, rows: pd.DataFrame, references: dict[tuple[str, str], float]) -> CaseSummary:
    valid = rows[rows["status"] == "valid"]
    wrong = rows[rows["status"] != "valid"]
    first = (wrong if len(wrong) else rows).iloc[0]
    rates = [float(rate) for rate in valid["rate_per_s"]]
    interval = rate_interval(rates) if len(rates) > 1 else None
    rate = interval.estimate if interval else (rates[0] if rates else None)
    reference = references.setdefault((str(first["scenario"]), _text(first["point"])), rate) if rate else None
    causes = valid["bottleneck"].dropna()
    return CaseSummary(
        case=number,
        status=str(first["status"]),
        reason=_text(first["reason"]) if len(wrong) else "",
        **{name: _text(first[name]) for name in _PLACE},  # type: ignore[arg-type]  # text columns all
        rounds=len(valid),
        received=_total(rows["received"]),
        rate_per_s=rate,
        rate_low_per_s=interval.low if interval else None,
        rate_high_per_s=interval.high if interval else None,
        versus=rate / reference if rate and reference else None,
        **{name: _median(valid[name]) for name in _MEDIANS},  # type: ignore[arg-type]  # number columns all
        bottleneck=str(causes.mode().iloc[0]) if len(causes) else None,
        stamped=not (rows["stamped"].astype("string").str.lower() == "false").any(),
        **{name: _total(rows[name]) for name in _SURPRISES},  # type: ignore[arg-type]
    )


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _total(column: pd.Series[Any]) -> int:
    return int(column.fillna(0).astype(float).sum())


def _median(column: pd.Series[Any]) -> float | None:
    median = float(column.astype(float).median())
    return None if math.isnan(median) else median


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
