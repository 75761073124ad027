"""When the messages of an open load are due: rates over time, and arrivals drawn from them. Pure.

A schedule is steps ``RATE:TIME`` and ramps ``RATE-RATE:TIME``, joined by ``+``: ``500:5s+500-2000:20s``.
"""

from __future__ import annotations

import math
import random
import re
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from bench.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Arrivals = Literal["constant", "poisson"]

_HOW = (
    "a schedule is RATE:TIME or RATE-RATE:TIME, joined by +, with rates in messages a second, "
    "such as 500:5s+500-2000:20s"
)
_STEP = re.compile(r"(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?:(\d+(?:\.\d+)?)(ms|s|m)")
_UNIT_S = {"ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stretch of time in which the rate goes in a straight line from one value to another."""

    first_per_s: float
    last_per_s: float
    time_s: float

    @property
    def messages(self) -> float:
        """How many messages are due in it."""
        return (self.first_per_s + self.last_per_s) / 2 * self.time_s

    def time_of(self, message: float) -> float:
        """After how many seconds so many messages are due: the inverse of the area under the line.

        In the form of the quadratic formula that subtracts nothing, and so holds for a level step, too.
        """
        slope = (self.last_per_s - self.first_per_s) / self.time_s
        root = math.sqrt(max(0.0, self.first_per_s**2 + 2 * slope * message))
        return 2 * message / (self.first_per_s + root)

    def __str__(self) -> str:
        rates = dict.fromkeys(map(plain, (self.first_per_s, self.last_per_s)))
        return f"{'-'.join(rates)}:{plain(self.time_s)}s"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Rates over time, without a hole. Raises ScenarioError for one that has a hole, or no step at all."""

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise ScenarioError(f"a schedule needs a step; {_HOW}")
        for number, step in enumerate(self.steps, start=1):
            figures = (step.first_per_s, step.last_per_s, step.time_s)
            if not all(0 < figure < math.inf for figure in figures):
                raise ScenarioError(
                    f"step {number} of the schedule is a hole ({step}): every rate and every time must be "
                    f"more than 0; {_HOW}"
                )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ScenarioError for a text that is no schedule, or one with a hole."""
        steps = []
        for number, part in enumerate(text.split("+"), start=1):
            if not part.strip():
                raise ScenarioError(f"step {number} of the schedule {text!r} is a hole: it is empty; {_HOW}")
            if (match := _STEP.fullmatch(part.strip())) is None:
                raise ScenarioError(f"step {number} of the schedule {text!r} is not understood; {_HOW}")
            first_per_s = float(match[1])
            last_per_s = float(match[2]) if match[2] else first_per_s
            time_s = float(match[3]) * _UNIT_S[match[4]]
            steps.append(Step(first_per_s=first_per_s, last_per_s=last_per_s, time_s=time_s))
        return cls(tuple(steps))

    @classmethod
    def level(cls, rate_per_s: float, time_s: float) -> Self:
        """One rate all the time."""
        return cls((Step(first_per_s=rate_per_s, last_per_s=rate_per_s, time_s=time_s),))

    @property
    def time_s(self) -> float:
        return sum(step.time_s for step in self.steps)

    @property
    def messages(self) -> int:
        """How many messages are due in all of it, one at least."""
        return max(1, round(sum(step.messages for step in self.steps)))

    @property
    def highest_per_s(self) -> float:
        return max(max(step.first_per_s, step.last_per_s) for step in self.steps)

    def times_s(self, marks: Iterable[float]) -> Iterator[float]:
        """When so many messages are due, for rising ``marks``; past the end the last rate goes on."""
        before, began_s, rest = 0.0, 0.0, list(self.steps)
        for mark in marks:
            while rest and mark > before + rest[0].messages:
                before += rest[0].messages
                began_s += rest.pop(0).time_s
            if rest:
                yield began_s + rest[0].time_of(mark - before)
            else:
                yield began_s + (mark - before) / self.steps[-1].last_per_s

    def __str__(self) -> str:
        return "+".join(map(str, self.steps))


def due_ns(schedule: Schedule, arrivals: Arrivals, count: int, seed: object) -> array[int]:
    """When each of ``count`` messages is due, in nanoseconds from the start; each has its gap before it.

    Poisson arrivals have exponential gaps of mean 1 on the axis on which the schedule's rate is 1; the same
    seed gives the same arrivals.
    """
    marks = range(1, count + 1) if arrivals == "constant" else _poisson(count, seed)
    return array("q", (round(time_s * 1e9) for time_s in schedule.times_s(marks)))


def owners(count: int, producers: int, arrivals: Arrivals, seed: object) -> Iterator[int]:
    """Which producer sends each message: in turn, or drawn, so that each has Poisson arrivals of its own."""
    if arrivals == "constant" or producers == 1:
        return (number % producers for number in range(count))
    draw = random.Random(f"owners {seed}")
    return (draw.randrange(producers) for _ in range(count))


def _poisson(count: int, seed: object) -> Iterator[float]:
    draw, mark = random.Random(f"arrivals {seed}"), 0.0
    for _ in range(count):
        mark += draw.expovariate(1.0)
        yield mark


def plain(number: float) -> str:
    """To nine decimals, never with an exponent."""
    return f"{number:.9f}".rstrip("0").rstrip(".")
