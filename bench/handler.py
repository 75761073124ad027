"""What a consumer does with a message: its work, whose time is given or drawn. Pure."""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass
from itertools import cycle, repeat
from typing import TYPE_CHECKING, Literal, Self

from bench.arrivals import plain
from bench.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterator

HandlerKind = Literal["none", "sleep", "cpu"]

DECK = 128
"""Drawn times are dealt from shuffled decks, which have a time from each 128th of their distribution."""
PERIOD = 64 * DECK
"""After so many messages the sequence of drawn times begins again."""

_UNIT_US = {"us": 1.0, "ms": 1e3, "s": 1e6}
_TIME = r"(\d+(?:\.\d+)?)(us|ms|s)"
_WORK = re.compile(rf"(sleep|cpu):{_TIME}(?:-{_TIME}|(~exponential))?")
HOW = "none, sleep:TIME or cpu:TIME, where TIME is such as 5ms, 1ms-9ms (even) or 5ms~exponential (its mean)"


@dataclass(frozen=True, slots=True)
class Handler:
    """What a consumer does with a message before acknowledging it.

    ``none``; ``sleep`` (waits, other messages may be handled meanwhile); ``cpu`` (keeps the event loop
    busy). Written ``none``, ``sleep:5ms``, ``cpu:50us``; a time is drawn for each message with
    ``sleep:1ms-9ms`` (each between them is as likely) and ``sleep:5ms~exponential`` (5 ms is the mean).
    ``time_us`` is the time, the mean of exponential ones, or where a range begins, which ends at ``most_us``.
    """

    kind: HandlerKind = "none"
    time_us: float = 0.0
    most_us: float | None = None
    exponential: bool = False

    def __post_init__(self) -> None:
        if self.most_us is not None and self.most_us <= self.time_us:
            raise ScenarioError(f"handler {self} must be a range of times that ends after it begins")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ScenarioError for a text that is no handler."""
        if text == "none":
            return cls()
        match = _WORK.fullmatch(text)
        if match is None or float(match[2]) <= 0:
            raise ScenarioError(f"handler must be {HOW}, got {text!r}")
        kind: HandlerKind = "sleep" if match[1] == "sleep" else "cpu"
        most_us = float(match[4]) * _UNIT_US[match[5]] if match[4] else None
        return cls(kind, float(match[2]) * _UNIT_US[match[3]], most_us, match[6] is not None)

    @property
    def mean_us(self) -> float:
        """Of many messages."""
        return self.time_us if self.most_us is None else (self.time_us + self.most_us) / 2

    def times_s(self, seed: object) -> Iterator[float]:
        """The time of each message in turn, without an end; the same for the same seed."""
        if self.most_us is None and not self.exponential:
            return repeat(self.time_us / 1e6)
        draw = random.Random(f"handler {seed}").random
        times: list[float] = []
        for _ in range(PERIOD // DECK):
            deck = [self._time_us((place + draw()) / DECK) / 1e6 for place in range(DECK)]
            times += sorted(deck, key=lambda _: draw())
        return cycle(times)

    def _time_us(self, share: float) -> float:
        """The time than which that share (0 to less than 1) of all are shorter."""
        if self.most_us is not None:
            return self.time_us + share * (self.most_us - self.time_us)
        return -self.time_us * math.log1p(-share)

    def __str__(self) -> str:
        if self.kind == "none":
            return "none"
        until = "" if self.most_us is None else f"-{plain(self.most_us)}us"
        return f"{self.kind}:{plain(self.time_us)}us{until}{'~exponential' if self.exponential else ''}"
