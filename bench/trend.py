"""The same cell over stored runs of one fingerprint, and where its level changed. Pure, and advisory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.alike import surroundings
from bench.cell import versioned
from bench.exports.cases import Exported, exported
from bench.stats.changes import change_points
from bench.stats.verdicts import LEAST_EFFECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A run's value of a cell: ``case`` is sound, or it would not be here."""

    run: str
    started_at: str
    case: Exported


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A new level from the moment ``index`` on; ``ratio`` is the new over the old, with its interval."""

    index: int
    ratio: float
    ratio_low: float
    ratio_high: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A cell over runs of one machine, oldest first; only the client's version may differ in them."""

    machine: str
    name: str
    broker: str
    moments: tuple[Moment, ...]
    shifts: tuple[Shift, ...]

    @property
    def rates_per_s(self) -> tuple[float, ...]:
        return tuple(moment.case.rate_per_s for moment in self.moments)


def series(
    machine: str, runs: Iterable[tuple[str, Mapping[str, Any], Sequence[Mapping[str, Any]]]]
) -> list[Series]:
    """Every cell of these runs (name, run.json, rows of trials.csv; oldest first, all of one fingerprint).

    What is not valid is no value. A cell whose workload, loop or broker changed is another cell from then on.
    """
    found: dict[tuple[Any, ...], list[Moment]] = {}
    for run, facts, rows in runs:
        good, _ = exported(rows)
        for case in good:
            key = (case.name, *surroundings(case.facts))
            moment = Moment(run=run, started_at=str(facts.get("started_at") or ""), case=case)
            found.setdefault(key, []).append(moment)
    return [_series(machine, moments) for moments in found.values()]


def _series(machine: str, moments: Sequence[Moment]) -> Series:
    logs = [math.log(moment.case.rate_per_s) for moment in moments]
    facts = moments[-1].case.facts
    broker = " ".join(str(facts[name]) for name in ("broker_origin", "broker_kind") if facts.get(name))
    return Series(
        machine=machine,
        name=moments[0].case.name,
        broker=versioned(broker, facts.get("broker_version")),
        moments=tuple(moments),
        shifts=tuple(
            Shift(
                index=change.index,
                ratio=math.exp(change.difference.estimate),
                ratio_low=math.exp(change.difference.low),
                ratio_high=math.exp(change.difference.high),
                p=change.p,
            )
            for change in change_points(logs, least=math.log1p(LEAST_EFFECT))
        ),
    )
