"""The effect of one round, from its pairs of slices; apart from the tests, which take a second to load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.stats.samples import sample

if TYPE_CHECKING:
    from bench.stats.samples import Numbers


def round_effect(base: Numbers, candidate: Numbers) -> float:
    """The effect of one round: the median over slice pairs of log(candidate / base).

    Two lists of rates above 0, one per slice in the order of their turns, of the same length of at least 1.
    """
    first = sample(base, "base rates", positive=True)
    second = sample(candidate, "candidate rates", positive=True)
    if first.size != second.size:
        raise ValueError(f"slices come in pairs, got {first.size} of base and {second.size} of candidate")
    return float(np.median(np.log(second / first)))
