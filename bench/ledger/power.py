"""How often the rule sees a known difference that was added to equal sides, and what time it takes. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.ledger.analysis import Share, by_condition
from bench.ledger.design import EQUAL, REFERENCE
from bench.ledger.replay import longer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.ledger.analysis import Judged
    from bench.ledger.replay import Longer, Said
    from bench.stats.effects import By

LEVELS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.10, 0.20, -0.05)
TIMED_LEVELS = LEVELS[:6]
"""Those that more time can tell apart."""

LONGEST_S = 66.0
"""Gates are put together until they take about a minute a pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """What the rule said of equal sides with one difference added; ``level`` is the share of more time.

    ``gates`` were put together to one, which took ``seconds`` on average. ``faster`` is only counted where it
    is asked: for single gates, and for longer ones of equal sides.
    """

    condition: str
    level: float
    gates: int
    rounds: tuple[int, int]
    seconds: float
    said: Mapping[Said, Share]
    faster: Share | None

    @property
    def seen(self) -> Share:
        return self.said["regression"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Of how many gates the rule, put to the stored rounds as they are, says what the gate said.

    ``former`` others said what the rule by means says: they were made while it was the rule.
    """

    agree: int
    former: int
    of: int


def by_shift(gates: Sequence[Judged]) -> list[Shifted]:
    """By condition and level, each whole gate by itself."""
    return [
        _shifted(condition, list(longer(some)), level, 1)
        for condition, some in by_condition(_equal(gates))
        for level in LEVELS
    ]


def by_time(gates: Sequence[Judged], by: By = "ranks") -> list[Shifted]:
    """By condition, gates put together, and level, up to about a minute a pair."""
    found = []
    for condition, some in by_condition(_equal(gates)):
        mean_s = sum(one.took_s for one in some) / len(some)
        each = 1
        while each == 1 or (each * mean_s <= LONGEST_S and each <= len(some)):
            together = list(longer(some, each))
            found += [_shifted(condition, together, level, each, by) for level in TIMED_LEVELS]
            each += 1
    return found


def replayed(gates: Sequence[Judged]) -> Replayed:
    """The check on all of this: with nothing added, the rule must say what the gates said."""
    sound = [one for one in gates if one.condition != REFERENCE and one.is_sound]
    pairs = [(gate, one) for gate, one in zip(sound, longer(sound), strict=True)]
    other = [(gate, one) for gate, one in pairs if one.said() != gate.outcome]
    former = sum(one.said(by="mean") == gate.outcome for gate, one in other)
    return Replayed(agree=len(sound) - len(other), former=former, of=len(sound))


def _equal(gates: Sequence[Judged]) -> list[Judged]:
    return [one for one in gates if one.kind == EQUAL and one.serves]


def _shifted(
    condition: str, together: Sequence[Longer], level: float, each: int, by: By = "ranks"
) -> Shifted:
    counts = Counter(one.said(level, by) for one in together)
    outcomes: tuple[Said, ...] = ("regression", "pass", "inconclusive", "environment unfit")
    return Shifted(
        condition=condition,
        level=level,
        gates=each,
        rounds=together[0].rounds,
        seconds=sum(one.seconds for one in together) / len(together),
        said={outcome: Share.scored(counts[outcome], len(together)) for outcome in outcomes},
        faster=Share.exact(sum(one.called_faster(level, by) for one in together), len(together))
        if each == 1 or not level
        else None,
    )
