"""A log-linear latency histogram that is filled in bulk and is cheap to keep, add up and send.

The buckets are HdrHistogram's for 3 significant digits, lowest value 1 us and highest 1 hour, counted in
whole microseconds: values up to 2047 us have a bucket each, above that 1024 buckets share each power of two,
so that a bucket is never wider than 1/1024 of its values. Index and percentiles are those of the
``hdrhistogram`` package.

- A latency is rounded down to whole microseconds. Below 1 us it counts as 0, which HdrHistogram has too.
- Above 1 hour it counts as 1 hour: the count stays true and the maximum says "at least".
- A negative latency is no latency: :meth:`Histogram.add_all` refuses it, and the caller counts it by itself.

This runs inside the measured process, hence the standard library alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate, repeat
from operator import floordiv
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SIGNIFICANT_DIGITS = 3
LOWEST_US = 1
HIGHEST_US = 3_600_000_000
# 2 * 10^3 distinct values need 2048 sub-buckets; of every power of two above them only the upper half is new.
_HALF_BITS = 10
_LINEAR = 2048
SAMPLES_BEYOND = 10


def index_of(value_us: int) -> int:
    """The bucket of a whole number of microseconds between 0 and HIGHEST_US."""
    if value_us < _LINEAR:
        return value_us
    shift = value_us.bit_length() - (_HALF_BITS + 1)
    return (shift << _HALF_BITS) + (value_us >> shift)


def lowest_us(index: int) -> int:
    """The smallest value in a bucket."""
    if index < _LINEAR:
        return index
    shift = (index >> _HALF_BITS) - 1
    return (index - (shift << _HALF_BITS)) << shift


def highest_us(index: int) -> int:
    """The largest value in a bucket."""
    return lowest_us(index + 1) - 1


LAST_INDEX = index_of(HIGHEST_US)


@dataclass(slots=True)
class Histogram:
    """Counts by bucket index; only buckets that hold something are stored."""

    counts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def from_pairs(cls, pairs: Sequence[int]) -> Self:
        """What :meth:`to_pairs` gave; ValueError if it cannot have come from there."""
        indexes, numbers = pairs[::2], pairs[1::2]
        counts = dict(zip(indexes, numbers, strict=False))
        if len(indexes) != len(numbers) or len(counts) != len(indexes):
            raise ValueError(f"a histogram is pairs of distinct index and count, got {len(pairs)} numbers")
        if counts and not (min(counts) >= 0 and max(counts) <= LAST_INDEX and min(numbers) >= 1):
            raise ValueError(f"a histogram has indexes from 0 to {LAST_INDEX} and counts from 1 on")
        return cls(counts)

    def to_pairs(self) -> list[int]:
        """Flat ``[index, count, index, count, ...]`` by rising index, for a line of JSON."""
        return [number for pair in sorted(self.counts.items()) for number in pair]

    def add_all(self, latencies_ns: Iterable[int]) -> None:
        """Folds in raw samples in nanoseconds; ValueError, and nothing added, if one is negative.

        Measured on CPython 3.11 (AMD EPYC VM, log-normal samples in an array("q")), ns a sample: counting the
        divided values with map(floordiv) 38-53, a list comprehension 39-55, map((1000).__rfloordiv__) 49-66,
        a loop with dict.get 48-62. Counting undivided nanoseconds is 36, but makes every sample a key of its
        own for the second step, which costs 72-136 per distinct key (written out in the loop 45-97: not worth
        a second home of the formula; bisect over the bounds 230-260). Both steps: 36-65 where samples share
        keys, 110-175 where few do. ``record_value`` of ``hdrh`` costs 640.
        """
        by_us = Counter(map(floordiv, latencies_ns, repeat(1000)))
        if not by_us:
            return
        if min(by_us) < 0:
            raise ValueError(
                f"a latency cannot be negative, got {min(by_us)} us; count such samples by themselves"
            )
        counts = self.counts
        for value_us, count in by_us.items():
            index = index_of(value_us) if value_us < HIGHEST_US else LAST_INDEX
            counts[index] = counts.get(index, 0) + count

    def merge(self, other: Histogram) -> None:
        """Adds the counts of another histogram to this one's."""
        counts = self.counts
        for index, count in other.counts.items():
            counts[index] = counts.get(index, 0) + count

    @property
    def total(self) -> int:
        """How many samples there are."""
        return sum(self.counts.values())

    @property
    def maximum(self) -> int:
        """The largest sample in us, to the precision of its bucket; ValueError if there is none."""
        return highest_us(max(self._filled()))

    @property
    def mean(self) -> float:
        """The mean in us, each sample taken for the middle of its bucket; ValueError if there is none."""
        weighted = sum(count * _middle_us(index) for index, count in self._filled().items())
        return weighted / self.total

    def percentile(self, percent: float) -> int:
        """The value in us that ``percent`` (0 to 100) of samples do not exceed; ValueError if there is none.

        It is the highest value of the bucket (for 0, the lowest) that holds the sample of that rank.
        """
        indexes = sorted(self._filled())
        reached = list(accumulate(self.counts[index] for index in indexes))
        index = indexes[bisect_left(reached, self.rank(percent))]
        return highest_us(index) if percent else lowest_us(index)

    def rank(self, percent: float) -> int:
        """Which sample, counted from 1 in rising order, is a percentile; rounded as HdrHistogram does."""
        if not 0 <= percent <= 100:
            raise ValueError(f"a percentile is from 0 to 100, got {percent}")
        return max(1, int(percent * self.total / 100 + 0.5))

    def _filled(self) -> dict[int, int]:
        if not self.counts:
            raise ValueError("an empty histogram has no percentile, mean or maximum")
        return self.counts


def percentile_or_none(histogram: Histogram, percent: float) -> int | None:
    """The percentile in us where at least ten samples lie beyond it; with fewer, a few messages decide it."""
    enough = histogram.total - histogram.rank(percent) >= SAMPLES_BEYOND
    return histogram.percentile(percent) if enough else None


def _middle_us(index: int) -> int:
    return (lowest_us(index) + lowest_us(index + 1)) // 2
