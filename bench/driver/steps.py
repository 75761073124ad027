"""What each step of a schedule came to: a ramp's row mixes its rates, and its steps tell them apart."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Self

from bench.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.arrivals import Schedule

ROUNDED_NS = 1000
"""A step's last message is due at its very end; times are rounded, so that it may seem to be after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """The messages that were due in a step, whenever they came.

    ``scheduled_s`` and ``elapsed_s`` are from the first to the last of them, due and received, with one gap
    more; 0.0 where there are fewer than two.
    """

    messages: int
    scheduled_s: float
    elapsed_s: float
    latency: Histogram = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        return {
            "messages": self.messages,
            "scheduled_s": self.scheduled_s,
            "elapsed_s": self.elapsed_s,
            "latency": self.latency.to_pairs(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(**{**data, "latency": Histogram.from_pairs(data["latency"])})


def by_step(
    schedule: Schedule, due_ns: Sequence[int], received_ns: Sequence[int], copies: int = 1
) -> tuple[Stepped, ...]:
    """One for each step. Times are of the same messages, in nanoseconds from when the schedule began.

    Of a fan-out they are of every copy, and each message has so many ``copies``.
    """
    order = sorted(range(len(due_ns)), key=due_ns.__getitem__)
    due = [due_ns[at] for at in order]
    came = [received_ns[at] for at in order]
    ends = accumulate(step.time_s for step in schedule.steps[:-1])
    places = [0, *(bisect_left(due, round(end * 1e9) + ROUNDED_NS) for end in ends), len(due)]
    return tuple(_stepped(due[first:last], came[first:last], copies) for first, last in pairwise(places))


def _stepped(due: Sequence[int], came: Sequence[int], copies: int) -> Stepped:
    latency = Histogram()
    latency.add_all(max(0, received - at) for at, received in zip(due, came, strict=True))
    return Stepped(
        messages=len(due),
        scheduled_s=_whole_s(due, copies),
        elapsed_s=_whole_s(sorted(came), copies),
        latency=latency,
    )


def _whole_s(times_ns: Sequence[int], copies: int) -> float:
    """Copies come together: the gaps are those between messages."""
    count = len(times_ns) / copies
    return (times_ns[-1] - times_ns[0]) / 1e9 * count / (count - 1) if count > 1 else 0.0
