"""The highest rate at which something holds: a search that asks for one trial at a time. No I/O, no clock.

It is a generator, so that a simulation can answer it as well as brokers can: it yields a Trial and is sent
what was Seen. Four things make it repeatable on a machine where a single trial may say anything:

- a rate fails a short trial only if it fails two of at most three: one disturbance cannot end a search low;
- bisection is by ratio, to a fine step, so that where it began does not show in where it ends;
- the answer is confirmed by a full trial at it, and by a full trial a step above that fails: whatever went
  wrong before, it lies within a step of the true limit, from below;
- where one of these disagrees it walks on until both are so.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias

FACTOR = 2.0
DOWN = 4.0
"""Below the first rate steps are larger: there trials are long, as a percentile takes so many messages."""
FINE = 0.02
STEP = 0.03
NEAR = 1.035
"""As near as a step, rounded to three digits, can be."""
LEAST_PER_S = 1.0
MOST_PER_S = 1e7
MOST_STEPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Asks for a rate to be tried, shortly or in ``full``."""

    rate_per_s: float
    full: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Whether the rate held, and the latency that goes with it; None where there was none."""

    holds: bool
    latency_us: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Highest:
    """``rate_per_s`` held in full, and ``above_per_s`` did not; None: nothing held, or nothing failed.

    ``best`` is the trial of the lowest latency, for where nothing held.
    """

    rate_per_s: float | None
    above_per_s: float | None
    best: tuple[float, float] | None


Search: TypeAlias = Generator[Trial, Seen, Highest]


def highest(
    start_per_s: float, *, least_per_s: float = LEAST_PER_S, most_per_s: float = MOST_PER_S
) -> Search:
    """The search from a guess, between bounds; rates are rounded to three digits."""
    if not 0 < least_per_s <= start_per_s <= most_per_s:
        raise ValueError(
            f"the first rate must lie between {least_per_s:g} and {most_per_s:g} a second, "
            f"got {start_per_s:g}"
        )
    return _Searching(least_per_s, most_per_s).run(start_per_s)


class _Searching:
    def __init__(self, least_per_s: float, most_per_s: float) -> None:
        self._least = least_per_s
        self._most = most_per_s
        self._best: tuple[float, float] | None = None

    def run(self, start_per_s: float) -> Search:
        low, high = yield from self._bracket(_rounded(start_per_s))
        if low is None:
            return Highest(rate_per_s=None, above_per_s=high, best=self._best)
        while high is not None and high / low > 1 + FINE:
            middle = _rounded(math.sqrt(low * high))
            if not low < middle < high:
                break
            if (yield from self._short(middle)):
                low = middle
            else:
                high = middle
        return (yield from self._confirmed(low))

    def _bracket(self, rate: float) -> Generator[Trial, Seen, tuple[float | None, float | None]]:
        """A rate that held and one that failed, at most a factor apart."""
        if (yield from self._short(rate)):
            while rate < self._most:
                higher = min(self._most, _rounded(rate * FACTOR))
                if not (yield from self._short(higher)):
                    return rate, higher
                rate = higher
            return rate, None
        while rate > self._least:
            lower = max(self._least, _rounded(rate / DOWN))
            if (yield from self._short(lower)):
                return lower, rate
            rate = lower
        return None, rate

    def _confirmed(self, rate: float) -> Search:
        """Full trials at the answer and a step above it; walks, by steps that double, until one holds and the
        other fails, and then between them until they are a step apart.
        """
        held: float | None = None
        failed: float | None = None
        step = STEP
        for _ in range(MOST_STEPS):
            if (yield from self._once(rate, full=True)):
                held = rate
            else:
                failed = rate
            if held is not None and failed is not None:
                if failed / held <= NEAR:
                    break
                rate = _rounded(math.sqrt(held * failed))
            elif held is not None:
                if rate >= self._most:
                    break
                rate = min(self._most, _rounded(rate * (1 + step)))
                step *= FACTOR
            else:
                if rate <= self._least:
                    break
                rate = max(self._least, _rounded(rate / (1 + step)))
                step *= FACTOR
        return Highest(rate_per_s=held, above_per_s=failed, best=self._best)

    def _short(self, rate: float) -> Generator[Trial, Seen, bool]:
        """Two of at most three trials decide against a rate; the first decides for it."""
        if (yield from self._once(rate, full=False)):
            return True
        if not (yield from self._once(rate, full=False)):
            return False
        return (yield from self._once(rate, full=False))

    def _once(self, rate: float, *, full: bool) -> Generator[Trial, Seen, bool]:
        seen = yield Trial(rate_per_s=rate, full=full)
        if seen.latency_us is not None and (self._best is None or seen.latency_us < self._best[1]):
            self._best = (rate, seen.latency_us)
        return seen.holds


def _rounded(rate: float) -> float:
    return float(f"{rate:.3g}")
