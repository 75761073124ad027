"""What a ledger is made of: fixed when its folder is made, so that every gate in it is of one kind. Pure."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LEVELS = (0.01, 0.02, 0.03, 0.05, 0.10, 0.20, -0.05)
EQUAL = "equal"
"""The kind of a gate whose sides are the same code."""

CONDITIONS = ("quiet", "shared", "busy", "bursty")
REFERENCE = "reference"
"""The condition of the long gates that say what an injected slow-down truly costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """``units`` are of extra work in a message, by kind and level; ``rounds`` those of the two stages."""

    client: str
    broker: str
    rounds: tuple[int, int]
    slices: int
    seed: int
    message_us: float
    units: Mapping[str, Mapping[str, float]]
    slice_s: float
    warmup_s: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """``whole``, which was a ledger's before it was each gate's, is left out."""
        first, second = facts["rounds"]
        known = {name: value for name, value in facts.items() if name != "whole"}
        return cls(**{**known, "rounds": (first, second)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate to make. A level below 0 has the extra work in the base, so that the candidate is faster."""

    condition: str
    kind: str
    level: float
    number: int

    @property
    def key(self) -> str:
        return f"{self.condition} {self.kind} {self.level:g} {self.number}"


def planned(design: Design, *, condition: str, equal: int, injected: int) -> Iterator[Gate]:
    """In an order drawn from the seed; a part of it has about as many of each as any other part."""
    cells = [(kind, float(level)) for kind, levels in design.units.items() for level in levels]
    for number in range(1, max(equal, injected) + 1):
        block = [Gate(condition=condition, kind=EQUAL, level=0.0, number=number)] if number <= equal else []
        if number <= injected:
            block += [
                Gate(condition=condition, kind=kind, level=level, number=number) for kind, level in cells
            ]
        random.Random(f"{design.seed} {condition} {number}").shuffle(block)
        yield from block
