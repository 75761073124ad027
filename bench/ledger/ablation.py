"""Ours beside other rules, on the same raw data: which called the candidate slower, and how often. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.ledger.analysis import Share, by_condition
from bench.ledger.design import EQUAL, REFERENCE
from bench.ledger.replay import longer, shifted
from bench.ledger.rules import RULES, Rates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.ledger.analysis import Judged
    from bench.ledger.rules import Rounds
    from bench.stats.effects import By

OURS, FORMER = "mqbench check", "mqbench check by the mean"
"""The rule, and as it was before it went by ranks: sign flips of the mean, and Student's t interval."""

_WAYS: dict[str, By] = {OURS: "ranks", FORMER: "mean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a rule said of the same data: of equal sides, and by level of what was injected, of any kind."""

    name: str
    equal: Share
    by_level: Mapping[float, Share]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedRule:
    """What a rule said of the equal sides of one condition, by the difference that was added to them."""

    condition: str
    name: str
    by_level: Mapping[float, Share]


def rules(gates: Sequence[Judged]) -> list[Rule]:
    """Ours first, then the others, on the data of every whole gate that has any."""
    sound = _judged(gates)
    said = {name: [one.said(by=by) == "regression" for one in longer(sound)] for name, by in _WAYS.items()}
    for name, rule in RULES.items():
        said[name] = [
            rule(Rates(base=gate.rates["base"], candidate=gate.rates["candidate"], previous=previous))
            for gate, previous in zip(sound, _previous(sound), strict=True)
        ]
    levels = sorted({gate.level for gate in sound if gate.kind != EQUAL})
    return [
        Rule(
            name=name,
            equal=Share.of_all(
                slower for gate, slower in zip(sound, told, strict=True) if gate.kind == EQUAL
            ),
            by_level={
                level: Share.of_all(
                    slower
                    for gate, slower in zip(sound, told, strict=True)
                    if gate.kind != EQUAL and gate.level == level
                )
                for level in levels
            },
        )
        for name, told in said.items()
    ]


def shifted_rules(gates: Sequence[Judged], levels: Sequence[float]) -> list[ShiftedRule]:
    """As :func:`rules`, of equal sides whose candidate's rates were changed by each level."""
    sound = _judged(gates)
    before = dict(zip(map(id, sound), _previous(sound), strict=True))
    equal = [gate for gate in sound if gate.kind == EQUAL]
    found = []
    for condition, some in by_condition(equal):
        for name, by in _WAYS.items():
            ours = {
                level: Share.of_all(one.said(level, by) == "regression" for one in longer(some))
                for level in levels
            }
            found.append(ShiftedRule(condition=condition, name=name, by_level=ours))
        for name, rule in RULES.items():
            theirs = {
                level: Share.of_all(
                    rule(
                        Rates(
                            base=gate.rates["base"],
                            candidate=_times(gate.rates["candidate"], math.exp(shifted(level))),
                            previous=before[id(gate)],
                        )
                    )
                    for gate in some
                )
                for level in levels
            }
            found.append(ShiftedRule(condition=condition, name=name, by_level=theirs))
    return found


def _judged(gates: Sequence[Judged]) -> list[Judged]:
    return [gate for gate in gates if gate.condition != REFERENCE and gate.serves]


def _times(rounds: Rounds, factor: float) -> Rounds:
    return [[factor * rate for rate in one] for one in rounds]


def _previous(gates: Sequence[Judged]) -> list[float | None]:
    """The base's mean rate in the gate before each, which any history would have held."""
    means: list[float | None] = [None]
    for gate in gates:
        rates = [rate for one in gate.rates["base"] for rate in one]
        means.append(sum(rates) / len(rates))
    return means[: len(gates)]
