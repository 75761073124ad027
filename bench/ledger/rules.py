"""What other rules would have said of a gate's raw data: slower or not. Pure.

Each gets the rates (messages a second) of all slices of all rounds that the gate measured, a list a round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Rounds = Sequence[Sequence[float]]

MEAN_THRESHOLD = 1.05
T_ALPHA = 0.05
MANN_WHITNEY_ALPHA, MANN_WHITNEY_FACTOR = 0.002, 1.1
PREVIOUS_FACTOR = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """A gate's rates; ``previous`` is the mean rate of the base in the gate before it, None for the first."""

    base: Rounds
    candidate: Rounds
    previous: float | None


def sequential(rates: Rates) -> bool:
    """Base first, then the candidate, and 5 % on the means: the base's first half of rounds against the
    candidate's second half.
    """
    half = max(1, len(rates.base) // 2)
    return _times(rates.candidate[half:] or rates.candidate) > MEAN_THRESHOLD * _times(rates.base[:half])


def mean_threshold(rates: Rates) -> bool:
    """5 % on the mean time per message, sides in turns."""
    return _times(rates.candidate) > MEAN_THRESHOLD * _times(rates.base)


def pooled_t(rates: Rates) -> bool:
    """Welch's t test over slices as if they were replicates, two-sided at 5 %, and slower."""
    base, candidate = _flat(rates.base), _flat(rates.candidate)
    p = float(stats.ttest_ind(base, candidate, equal_var=False).pvalue)
    return p < T_ALPHA and candidate.mean() < base.mean()


def mann_whitney(rates: Rates) -> bool:
    """Mann-Whitney over slices at 0.2 %, and a median time more than 10 % larger."""
    base, candidate = _flat(rates.base), _flat(rates.candidate)
    p = float(stats.mannwhitneyu(base, candidate).pvalue)
    return p < MANN_WHITNEY_ALPHA and bool(np.median(base) > MANN_WHITNEY_FACTOR * np.median(candidate))


def twice_previous(rates: Rates) -> bool:
    """The candidate takes twice the time of what was stored when the base was last measured."""
    return rates.previous is not None and rates.previous > PREVIOUS_FACTOR * float(
        _flat(rates.candidate).mean()
    )


RULES: dict[str, Callable[[Rates], bool]] = {
    "sequential order, 5 % on the mean": sequential,
    "turns, 5 % on the mean": mean_threshold,
    "pooled t test": pooled_t,
    "Mann-Whitney and a factor of 1.1": mann_whitney,
    "twice the previous": twice_previous,
}


def _flat(rounds: Rounds) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([rate for one in rounds for rate in one], dtype=np.float64)


def _times(rounds: Rounds) -> float:
    """The mean time per message over slices, in seconds."""
    return float((1 / _flat(rounds)).mean())
