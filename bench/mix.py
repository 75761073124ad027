"""Message sizes that are drawn instead of fixed: sizes and ranges of sizes, each with its weight. Pure.

A mix is ``SIZE:WEIGHT`` and ``SIZE-SIZE:WEIGHT``, joined by ``+``: ``100:70+1000-4000:25+64kB:5``.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Self

from bench.arrivals import plain
from bench.errors import ScenarioError
from bench.payload import STAMP_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_PARTS = 1000
"""A mix is a cell of every row and goes to every worker."""

_HOW = (
    "a mix is SIZE:WEIGHT or SIZE-SIZE:WEIGHT, joined by +, with sizes in bytes, kB, KiB, MB or MiB, "
    "such as 100:70+1000-4000:25+64kB:5"
)
_SIZE = r"(\d+)(B|kB|KiB|MB|MiB)?"
_PART = re.compile(rf"{_SIZE}(?:-{_SIZE})?(?::(\d+(?:\.\d+)?))?")
_UNIT_BYTES = {None: 1, "B": 1, "kB": 1000, "KiB": 1 << 10, "MB": 10**6, "MiB": 1 << 20}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Every size from one to another, each as likely as the next; together they have the weight."""

    least_bytes: int
    most_bytes: int
    weight: float

    @classmethod
    def parse(cls, word: str) -> Self:
        """Raises ScenarioError for a word that is no part; one without a weight has the weight 1."""
        if (match := _PART.fullmatch(word.strip())) is None:
            raise ScenarioError(f"the part {word[:100]!r} of a mix is not understood; {_HOW}")
        least = int(match[1]) * _UNIT_BYTES[match[2]]
        most = int(match[3]) * _UNIT_BYTES[match[4]] if match[3] else least
        return cls(least_bytes=least, most_bytes=most, weight=float(match[5] or 1))

    def __str__(self) -> str:
        sizes = dict.fromkeys(map(str, (self.least_bytes, self.most_bytes)))
        return f"{'-'.join(sizes)}:{plain(self.weight)}"


@dataclass(frozen=True, slots=True)
class Mix:
    """Sizes with their weights. Raises ScenarioError, with every problem, where a part makes no sense.

    Every size has room for a stamp: the number of a message tells how large it has to be.
    """

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        problems = [problem for part in self.parts if (problem := _problem(part)) is not None]
        if not self.parts:
            problems.append("it has no part")
        if len(self.parts) > MOST_PARTS:
            problems.append(
                f"it has {len(self.parts)} parts, and may have {MOST_PARTS}: join sizes to ranges"
            )
        if problems:
            raise ScenarioError(f"payload_mix: {'; '.join(problems)}; {_HOW}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ScenarioError for a text that is no mix."""
        return cls(tuple(map(Part.parse, text.split("+"))))

    @property
    def least_bytes(self) -> int:
        return min(part.least_bytes for part in self.parts)

    @property
    def most_bytes(self) -> int:
        return max(part.most_bytes for part in self.parts)

    @property
    def mean_bytes(self) -> int:
        """The mean of what is drawn, to a whole byte."""
        weighted = sum(part.weight * (part.least_bytes + part.most_bytes) / 2 for part in self.parts)
        return round(weighted / sum(part.weight for part in self.parts))

    def sizes_at(self, quantiles: Iterable[float]) -> list[int]:
        """The size below which that share (0 to 1) of the weight lies, in the order of the parts."""
        ends = list(accumulate(part.weight for part in self.parts))
        found = []
        for quantile in quantiles:
            reached = quantile * ends[-1]
            place = min(bisect_right(ends, reached), len(ends) - 1)
            part = self.parts[place]
            into = min(1.0, max(0.0, (reached - ends[place] + part.weight) / part.weight))
            wide = part.most_bytes - part.least_bytes + 1
            found.append(part.least_bytes + min(wide - 1, int(into * wide)))
        return found

    def __str__(self) -> str:
        return "+".join(map(str, self.parts))


def _problem(part: Part) -> str | None:
    if part.least_bytes < STAMP_BYTES:
        return f"{part} has a size under {STAMP_BYTES} bytes, which a stamp needs"
    if part.most_bytes < part.least_bytes:
        return f"{part} ends before it begins"
    if not 0 < part.weight < math.inf:
        return f"{part} has a weight that is not more than 0"
    return None
