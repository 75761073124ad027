"""From a ledger's raw rows to how often the gate, and other rules, were right. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bench.ledger.design import EQUAL, REFERENCE
from bench.ledger.rules import RULES, Rates
from bench.stats.effects import Effect, effect_over_rounds
from bench.stats.proportions import clopper_pearson, wilson
from bench.stats.rounds import round_effect
from bench.stats.verdicts import verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bench.stats.intervals import Interval

OURS = "mqbench check"
_OUTCOMES = ("pass", "regression", "inconclusive", "environment unfit", "invalid", "missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A gate with its raw data: ``rates`` by arm, a list a round, ``first`` the rounds of its first stage."""

    condition: str
    kind: str
    level: float
    outcome: str
    first: int
    started_at: str
    took_s: float
    rates: Mapping[str, Sequence[Sequence[float]]]

    @classmethod
    def from_rows(cls, gate: Mapping[str, Any], rounds: Iterable[Mapping[str, Any]]) -> Self:
        """Of rounds that are there twice, as a gate was begun and killed, the later ones count."""
        found: dict[str, dict[int, list[float]]] = {}
        for row in rounds:
            rates = [float(word) for word in str(row["rates_per_s"]).split()]
            found.setdefault(str(row["arm"]), {})[int(row["round"])] = rates
        return cls(
            condition=str(gate["condition"]),
            kind=str(gate["kind"]),
            level=float(gate["level"]),
            outcome=str(gate["outcome"]),
            first=int(gate["first"]),
            started_at=str(gate["started_at"]),
            took_s=float(gate["took_s"]),
            rates={arm: [rows[number] for number in sorted(rows)] for arm, rows in found.items()},
        )

    def effects(self, rounds: int | None = None) -> list[float]:
        """Of the candidate, one a round; of the first so many, or of all."""
        pairs = zip(self.rates.get("base", ()), self.rates.get("candidate", ()), strict=False)
        return [round_effect(base, candidate) for base, candidate in list(pairs)[:rounds]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of so many, with an interval."""

    hits: int
    of: int
    interval: Interval | None

    @classmethod
    def exact(cls, hits: int, of: int) -> Self:
        return cls(hits=hits, of=of, interval=clopper_pearson(hits, of) if of else None)

    @classmethod
    def scored(cls, hits: int, of: int) -> Self:
        return cls(hits=hits, of=of, interval=wilson(hits, of) if of else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equal:
    """Gates whose sides are the same code, in one condition."""

    condition: str
    outcomes: Mapping[str, int]
    regressions: Share
    faster: Share
    covered: Share
    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """Gates with one injected slow-down in one condition; ``truth`` is the reference's effect, if any."""

    condition: str
    kind: str
    level: float
    truth: Effect | None
    outcomes: Mapping[str, int]
    seen: Share
    faster: Share
    covered: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a rule said of the same data: of equal sides, and by level of what was injected, of any kind."""

    name: str
    equal: Share
    by_level: Mapping[float, Share]


def joined(gates: Iterable[Mapping[str, Any]], rounds: Iterable[Mapping[str, Any]]) -> list[Judged]:
    """The gates in the order in which they were made, each with its rounds."""
    by_key: dict[str, list[Mapping[str, Any]]] = {}
    for row in rounds:
        by_key.setdefault(str(row["key"]), []).append(row)
    return [Judged.from_rows(gate, by_key.get(str(gate["key"]), ())) for gate in gates]


def equal_sides(gates: Sequence[Judged]) -> list[Equal]:
    found = []
    for condition, some in _grouped(
        (gate for gate in gates if gate.kind == EQUAL), lambda one: one.condition
    ):
        found.append(
            Equal(
                condition=condition,
                outcomes=_outcomes(some),
                regressions=Share.exact(sum(gate.outcome == "regression" for gate in some), len(some)),
                faster=Share.exact(sum(map(_faster, some)), len(some)),
                covered=_covered(some, 0.0),
                minutes=sum(gate.took_s for gate in some) / 60,
            )
        )
    return found


def injected(gates: Sequence[Judged]) -> list[Injected]:
    truths = {
        (gate.kind, gate.level): effect_over_rounds(effects)
        for gate in gates
        if gate.condition == REFERENCE and len(effects := gate.effects(gate.first)) > 1
    }
    made = (gate for gate in gates if gate.kind != EQUAL and gate.condition != REFERENCE)
    found = []
    for (condition, kind, level), some in _grouped(made, lambda one: (one.condition, one.kind, one.level)):
        truth = truths.get((kind, level))
        found.append(
            Injected(
                condition=condition,
                kind=kind,
                level=level,
                truth=truth,
                outcomes=_outcomes(some),
                seen=Share.scored(sum(gate.outcome == "regression" for gate in some), len(some)),
                faster=Share.exact(sum(map(_faster, some)), len(some)),
                covered=_covered(some, truth.mean.estimate) if truth is not None else None,
            )
        )
    return found


def rules(gates: Sequence[Judged]) -> list[Rule]:
    """Ours first, then the others, on the data of every gate that has any."""
    sound = [
        gate for gate in gates if gate.condition != REFERENCE and gate.outcome not in ("invalid", "missing")
    ]
    said: dict[str, list[bool]] = {OURS: [gate.outcome == "regression" for gate in sound]}
    for name, rule in RULES.items():
        said[name] = [
            rule(Rates(base=gate.rates["base"], candidate=gate.rates["candidate"], previous=previous))
            for gate, previous in zip(sound, _previous(sound), strict=True)
        ]
    levels = sorted({gate.level for gate in sound if gate.kind != EQUAL})
    return [
        Rule(
            name=name,
            equal=_share(slower for gate, slower in zip(sound, told, strict=True) if gate.kind == EQUAL),
            by_level={
                level: _share(
                    slower
                    for gate, slower in zip(sound, told, strict=True)
                    if gate.kind != EQUAL and gate.level == level
                )
                for level in levels
            },
        )
        for name, told in said.items()
    ]


def _share(said: Iterable[bool]) -> Share:
    told = list(said)
    return Share.scored(sum(told), len(told))


def _previous(gates: Sequence[Judged]) -> list[float | None]:
    """The base's mean rate in the gate before each, which any history would have held."""
    means: list[float | None] = [None]
    for gate in gates:
        rates = [rate for one in gate.rates["base"] for rate in one]
        means.append(sum(rates) / len(rates))
    return means[: len(gates)]


def _faster(gate: Judged) -> bool:
    """Whether ``mqbench ab`` would have called the candidate faster, from the same rounds."""
    return verdict(gate.effects()).outcome == "faster"


def _covered(gates: Sequence[Judged], truth: float) -> Share:
    """How often the first stage's 95 % interval held the truth; every gate has a first stage."""
    intervals = [
        effect_over_rounds(effects).mean for gate in gates if len(effects := gate.effects(gate.first)) > 1
    ]
    return Share.scored(sum(one.low <= truth <= one.high for one in intervals), len(intervals))


def _outcomes(gates: Sequence[Judged]) -> dict[str, int]:
    counts = Counter(gate.outcome for gate in gates)
    return {outcome: counts[outcome] for outcome in _OUTCOMES}


def _grouped(gates: Iterable[Judged], by: Callable[[Judged], Any]) -> list[tuple[Any, list[Judged]]]:
    groups: dict[Any, list[Judged]] = {}
    for gate in gates:
        groups.setdefault(by(gate), []).append(gate)
    return sorted(groups.items())


def slower_share(effect: float) -> float:
    """An effect as a share of more time per message."""
    return math.expm1(-effect)
