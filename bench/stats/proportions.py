"""A proportion with its interval."""

from __future__ import annotations

from statsmodels.stats.proportion import proportion_confint

from bench.stats.intervals import CONFIDENCE, Interval
from bench.stats.samples import between


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """A proportion with Wilson's score interval (JASA 22, 1927): close to its confidence on average."""
    return _proportion(successes, trials, confidence, "wilson")


def clopper_pearson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """A proportion with Clopper and Pearson's exact interval (Biometrika 26, 1934), at least as sure."""
    return _proportion(successes, trials, confidence, "beta")


def _proportion(successes: int, trials: int, confidence: float, method: str) -> Interval:
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"successes must be from 0 to trials, of at least 1: got {successes} of {trials}")
    between(confidence, "confidence", 0, 1)
    low, high = proportion_confint(successes, trials, alpha=1 - confidence, method=method)
    return Interval(
        estimate=successes / trials, low=float(low), high=float(high), confidence=confidence, count=trials
    )
