"""What is exported of a case: a name that outlives versions, its rounds, and what was done. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.cell import client_name
from bench.contrast.cases import Stored, cases_of
from bench.scenario import Scenario
from bench.schema import SCENARIO_COLUMN
from bench.stats.intervals import Interval, rate_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.contrast.cases import Row

_FIELDS = tuple(SCENARIO_COLUMN.get(field.name, field.name) for field in fields(Scenario))
_SAME = (
    *("scenario", "point", *_FIELDS, "load_model"),
    *("client", "client_version", "client_requires", "consumer_client", "consumer_client_version"),
    *("loop", "loop_version", "python_version"),
    *("protocol", "broker_kind", "broker_origin", "broker_version"),
)
_MEDIANS = ("latency_p50_us", "latency_p99_us", "client_cpu_us_per_message", "broker_cpu_us_per_message")
_COUNTS = ("received", "lost", "duplicated", "reordered", "corrupted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A case whose every row is valid. ``rates_per_s`` has a value a round: rounds are the replicates, and a
    tool that takes its data for independent samples would be told too much by slices.
    """

    name: str
    rates_per_s: tuple[float, ...]
    facts: dict[str, Any]
    medians: dict[str, float]

    @property
    def seconds_per_message(self) -> tuple[float, ...]:
        return tuple(1 / rate for rate in self.rates_per_s)

    @property
    def rate(self) -> Interval | None:
        """The geometric mean with its 95 % interval; None from a single round."""
        return rate_interval(self.rates_per_s) if len(self.rates_per_s) > 1 else None

    @property
    def rate_per_s(self) -> float:
        return math.exp(math.fsum(map(math.log, self.rates_per_s)) / len(self.rates_per_s))


def exported(rows: Sequence[Row]) -> tuple[list[Exported], list[str]]:
    """The sound cases of a run, and why each of the others is left out."""
    good, left_out = [], []
    for case in cases_of(rows):
        if case.wrong is not None:
            left_out.append(f"{name_of(case)} is {case.wrong[0]}: {case.wrong[1]}")
        elif case.valid:
            good.append(_exported(case))
    return good, left_out


def name_of(case: Stored) -> str:
    """``headline prefetch=10 aio-pika uvloop``: without versions, so that it stays the same over them."""
    return f"{case.place} {case.client} {client_name(str(case.first['loop']))}"


def _exported(case: Stored) -> Exported:
    first = case.first
    facts = {name: first[name] for name in _SAME if first.get(name) is not None}
    facts["rounds"] = len(case.logs())
    facts["slices_per_round"] = first.get("slices")
    facts |= {name: sum(int(row.get(name) or 0) for row in case.rows) for name in _COUNTS}
    limits = [row["bottleneck"] for row in case.valid if row.get("bottleneck")]
    facts["bottleneck"] = max(set(limits), key=limits.count) if limits else None
    medians = {
        name: median(known)
        for name in _MEDIANS
        if (known := [float(row[name]) for row in case.valid if row.get(name) is not None])
    }
    return Exported(
        name=name_of(case),
        rates_per_s=tuple(math.exp(log) for log in case.logs()),
        facts=facts,
        medians=medians,
    )
