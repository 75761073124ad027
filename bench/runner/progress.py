"""What a run tells while it goes on, and how its rows came out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.meters import HostNoise
    from bench.plan import Case
    from bench.resuming import Begun
    from bench.trial.turn import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What happens now: ``done`` of ``total`` turns are over; ``rate_per_s`` is the last turn's.

    ``turn`` is that turn, ``noise`` what a round that is over was disturbed by, ``failure`` why a case's
    round is invalid.
    """

    what: str
    case: Case | None = None
    rate_per_s: float | None = None
    done: int = 0
    total: int = 0
    noise: HostNoise | None = None
    failure: str | None = None
    turn: Turn | None = None

    @property
    def is_remark(self) -> bool:
        """Whether it is about what has been, and nothing that happens now."""
        return self.noise is not None or self.failure is not None


@dataclass(slots=True)
class Outcome:
    """How the rows of a run came out; ``failures`` and ``unsupported`` have a sentence a case."""

    valid: int = 0
    invalid: int = 0
    skipped: int = 0
    failures: dict[int, str] = field(default_factory=dict)
    unsupported: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, begun: Begun | None, cases: Iterable[Case]) -> Self:
        """How the rows came out that an interrupted run has already."""
        outcome, labels = cls(), {case.number: case.label for case in cases}
        for row in begun.rows if begun is not None else ():
            number, reason = row["case"], row["reason"]
            if row["status"] == "valid":
                outcome.valid += 1
            elif row["status"] == "skipped":
                outcome.skipped += 1
                if row["round"]:
                    outcome.unsupported[number] = reason
            else:
                outcome.invalid += 1
                outcome.failures.setdefault(number, f"{labels[number]}: {reason}")
        return outcome

    def add(self, other: Outcome) -> None:
        """Counts another plan's of the same run in."""
        self.valid += other.valid
        self.invalid += other.invalid
        self.skipped += other.skipped
        self.failures |= other.failures
        self.unsupported |= other.unsupported

    @property
    def given_up(self) -> set[int]:
        """Cases that get no further round."""
        return self.failures.keys() | self.unsupported.keys()
