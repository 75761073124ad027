"""From a ledger's raw rows to how often the gate, and other rules, were right. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bench.ledger.design import CONDITIONS, EQUAL, REFERENCE
from bench.stats.effects import Effect, effect_over_rounds
from bench.stats.proportions import clopper_pearson, wilson
from bench.stats.rounds import round_effect
from bench.stats.verdicts import verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from bench.stats.intervals import Interval

_OUTCOMES = ("pass", "regression", "inconclusive", "environment unfit", "invalid", "missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A gate with its raw data: ``rates`` by arm, a list a round, ``first`` the rounds of its first stage.

    ``whole``: it has the rounds of both stages, whatever the first said. Of others the noisy ones have a
    second stage, so that only whole ones may be put to another question than their own.
    """

    condition: str
    kind: str
    level: float
    outcome: str
    first: int
    started_at: str
    took_s: float
    whole: bool
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
            whole=bool(gate["whole"]),
            rates={arm: [rows[number] for number in sorted(rows)] for arm, rows in found.items()},
        )

    @property
    def is_sound(self) -> bool:
        """Whether every message of every round was accounted for, so that its rates may be looked at."""
        return self.outcome not in ("invalid", "missing")

    @property
    def serves(self) -> bool:
        """Whether other rules, and ours on changed data, may be put to its rounds."""
        return self.whole and self.is_sound

    def effects(self, *, of: str = "candidate") -> list[float]:
        """One a round, of the candidate or of the second copy of the base."""
        pairs = zip(self.rates.get("base", ()), self.rates.get(of, ()), strict=False)
        return [round_effect(base, other) for base, other in pairs]

    def stage(self, number: int, *, of: str = "candidate") -> list[float]:
        """The effects of its first or its second stage."""
        effects = self.effects(of=of)
        return effects[: self.first] if number == 1 else effects[self.first :]


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
    def of_all(cls, said: Iterable[bool]) -> Self:
        """Wilson's, of how many were so."""
        told = list(said)
        return cls.scored(sum(told), len(told))

    @classmethod
    def scored(cls, hits: int, of: int) -> Self:
        return cls(hits=hits, of=of, interval=wilson(hits, of) if of else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equal:
    """Gates whose sides are the same code, in one condition; ``faster`` of the ``whole`` ones."""

    condition: str
    outcomes: Mapping[str, int]
    whole: int
    regressions: Share
    faster: Share
    covered: Share
    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """Gates with one injected slow-down in one condition; ``truth`` is the reference's effect, if any.

    ``faster`` is of the whole ones.
    """

    condition: str
    kind: str
    level: float
    truth: Effect | None
    outcomes: Mapping[str, int]
    seen: Share
    faster: Share
    covered: Share | None


def joined(gates: Iterable[Mapping[str, Any]], rounds: Iterable[Mapping[str, Any]]) -> list[Judged]:
    """The gates in the order in which they were made, each with its rounds."""
    by_key: dict[str, list[Mapping[str, Any]]] = {}
    for row in rounds:
        by_key.setdefault(str(row["key"]), []).append(row)
    return [Judged.from_rows(gate, by_key.get(str(gate["key"]), ())) for gate in gates]


def equal_sides(gates: Sequence[Judged]) -> list[Equal]:
    return [
        Equal(
            condition=condition,
            outcomes=_outcomes(some),
            whole=sum(gate.whole for gate in some),
            regressions=Share.exact(sum(gate.outcome == "regression" for gate in some), len(some)),
            faster=_faster(some),
            covered=_covered(some, 0.0),
            minutes=sum(gate.took_s for gate in some) / 60,
        )
        for condition, some in by_condition(gate for gate in gates if gate.kind == EQUAL)
    ]


def by_condition(gates: Iterable[Judged]) -> Iterator[tuple[str, list[Judged]]]:
    """The conditions that there are gates of, quiet first, each with its gates in their order."""
    every = list(gates)
    for condition in CONDITIONS:
        if some := [gate for gate in every if gate.condition == condition]:
            yield condition, some


def injected(gates: Sequence[Judged]) -> list[Injected]:
    truths = {
        (gate.kind, gate.level): effect_over_rounds(effects)
        for gate in gates
        if gate.condition == REFERENCE and gate.is_sound and len(effects := gate.stage(1)) > 1
    }
    made = (gate for gate in gates if gate.kind != EQUAL and gate.condition != REFERENCE)
    found = []
    for (place, kind, level), some in _grouped(made, _cell):
        truth = truths.get((kind, level))
        found.append(
            Injected(
                condition=CONDITIONS[place],
                kind=kind,
                level=level,
                truth=truth,
                outcomes=_outcomes(some),
                seen=Share.scored(sum(gate.outcome == "regression" for gate in some), len(some)),
                faster=_faster(some),
                covered=_covered(some, truth.judged.estimate) if truth is not None else None,
            )
        )
    return found


def _faster(gates: Sequence[Judged]) -> Share:
    """How often ``mqbench ab`` would have called the candidate faster, from all rounds of whole gates."""
    told = [verdict(gate.effects()).outcome == "faster" for gate in gates if gate.serves]
    return Share.exact(sum(told), len(told))


def _covered(gates: Sequence[Judged], truth: float) -> Share:
    """How often the first stage's 95 % interval held the truth; every gate has a first stage."""
    intervals = [
        effect_over_rounds(effects).judged
        for gate in gates
        if gate.is_sound and len(effects := gate.stage(1)) > 1
    ]
    return Share.scored(sum(one.contains(truth) for one in intervals), len(intervals))


def _outcomes(gates: Sequence[Judged]) -> dict[str, int]:
    counts = Counter(gate.outcome for gate in gates)
    return {outcome: counts[outcome] for outcome in _OUTCOMES}


def _cell(gate: Judged) -> tuple[int, str, float]:
    return CONDITIONS.index(gate.condition), gate.kind, gate.level


def _grouped(gates: Iterable[Judged], by: Callable[[Judged], Any]) -> list[tuple[Any, list[Judged]]]:
    groups: dict[Any, list[Judged]] = {}
    for gate in gates:
        groups.setdefault(by(gate), []).append(gate)
    return sorted(groups.items())


def slower_share(effect: float) -> float:
    """An effect as a share of more time per message."""
    return math.expm1(-effect)
