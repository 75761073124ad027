"""How many digits of a figure mean anything, by its interval."""

from __future__ import annotations

import math

from bench.stats.intervals import CONFIDENCE, Interval

_MOST_DIGITS = 6
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def figure(interval: Interval) -> str:
    """The estimate with the digits that its interval leaves it, such as ``12.3k`` of 12,345 [12,100, 12,590].

    The last digit shown is the first significant one of the interval's half width, so rounding moves the
    estimate by no more than half of that; never more than six digits.
    """
    value, place = interval.estimate, _place(interval)
    rounded = round(value, -place)
    for unit, letter in _UNITS:
        if abs(rounded) >= unit:
            decimals = max(0, round(math.log10(unit)) - place)
            return f"{rounded / unit:.{decimals}f}{letter}"
    return f"{rounded:.{max(0, -place)}f}"


def figure_with_interval(interval: Interval) -> str:
    """All three numbers, one digit finer than :func:`figure`: ``12,340 [12,100, 12,590]``."""
    place = _place(interval) - 1
    numbers = (interval.estimate, interval.low, interval.high)
    estimate, low, high = (f"{round(number, -place):,.{max(0, -place)}f}" for number in numbers)
    return f"{estimate} [{low}, {high}]"


def plain_figure(value: float, half_width: float, *, digits: int = _MOST_DIGITS) -> str:
    """As :func:`figure`, written out, such as ``12,300``, with no more than so many ``digits``."""
    place = _place(
        Interval(
            estimate=value, low=value - half_width, high=value + half_width, confidence=CONFIDENCE, count=0
        )
    )
    if value:
        place = max(place, math.floor(math.log10(abs(value))) - digits + 1)
    return f"{round(value, -place):,.{max(0, -place)}f}"


def _place(interval: Interval) -> int:
    """The power of ten of the last digit that means something."""
    size = abs(interval.estimate)
    if not (math.isfinite(size) and math.isfinite(interval.half_width)):
        raise ValueError(f"a figure must be finite, got {interval.estimate} and {interval.half_width}")
    first = math.floor(math.log10(size)) if size else None
    last = math.floor(math.log10(interval.half_width)) if interval.half_width > 0 else None
    if first is None:
        return last or 0
    finest = first - _MOST_DIGITS + 1
    return finest if last is None else min(first, max(last, finest))
