"""Sign-flip permutation tests: could these paired differences have come from no difference?

Under no difference, swapping a round's two sides changes the sign of its difference and nothing else, so that
every pattern of signs is equally likely. No distribution is assumed, only that swapping (Fisher, The Design
of Experiments, 1935, section 21). What the patterns are compared by is the sum of the differences
(:func:`sign_flip`) or that of their signed ranks (:func:`signed_ranks`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.stats.samples import between, sample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.stats.samples import Array, Numbers

# 2^20 sums are 8 MB and some 20 ms; each further round doubles both.
EXACT_ROUNDS = 20
DRAWS = 99_999
_CHUNK = 10_000
# The sums of ranks are counted rather than made: 500 rounds take 0.1 s.
COUNTED_ROUNDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFlip:
    """Three p-values of one test. ``p_greater`` is small where the differences are too large to be chance,
    ``p_less`` where they are too small. ``draws`` is how many patterns of signs were looked at.
    """

    p_two_sided: float
    p_greater: float
    p_less: float
    exact: bool
    draws: int


def sign_flip(differences: Numbers, seed: int = 0) -> SignFlip:
    """Tests the mean of paired differences, one per round, against 0.

    All 2^n patterns where there are at most 20 rounds; beyond, 99,999 random ones from ``seed``, and p is
    (hits + 1) / (draws + 1), which never is 0 nor too small (Phipson & Smyth, SAGMB 9(1), 2010).
    """
    array = sample(differences, "differences")
    exact = array.size <= EXACT_ROUNDS
    sums = _all_sums(array) if exact else _random_sums(array, seed)
    observed = float(array.sum())
    # The sum over one pattern may differ in its last bits from the same sum in another order.
    slack = 1e-12 * float(np.abs(array).sum())
    own = 0 if exact else 1  # the observed pattern is one of all patterns, but not one of the drawn
    hits = {
        "p_two_sided": np.count_nonzero(np.abs(sums) >= abs(observed) - slack),
        "p_greater": np.count_nonzero(sums >= observed - slack),
        "p_less": np.count_nonzero(sums <= observed + slack),
    }
    chances = {name: (int(count) + own) / (sums.size + own) for name, count in hits.items()}
    return SignFlip(**chances, exact=exact, draws=sums.size)


def signed_ranks(differences: Numbers, seed: int = 0) -> SignFlip:
    """As :func:`sign_flip`, by the ranks of the differences without their signs: Wilcoxon's signed-rank test.

    A difference that lies far from the others counts as the largest, however far it is, so that few of them
    cost little power (Biometrics Bulletin 1(6), 1945; Hollander, Wolfe & Chicken, 3rd ed., 3.1). Those that
    tie share their mean rank; one of 0 has a rank and no sign (Pratt, JASA 54, 1959). Exact up to 500 rounds,
    with ties too; beyond, as there.
    """
    array = sample(differences, "differences")
    _, place, shared = np.unique(np.abs(array), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(shared) - shared + 1)[place]  # twice the ranks: one that two share has a half
    if array.size > COUNTED_ROUNDS:
        return sign_flip(np.sign(array) * doubled, seed)
    chances = sum_chances(doubled[array != 0])
    most = chances.size - 1
    positive = int(doubled[array > 0].sum())
    less, greater = float(chances[: positive + 1].sum()), float(chances[positive:].sum())
    tail = min(positive, most - positive)
    both = float(chances[: tail + 1].sum() + chances[most - tail :].sum())
    return SignFlip(
        p_two_sided=min(1.0, both),
        p_greater=min(1.0, greater),
        p_less=min(1.0, less),
        exact=True,
        draws=2**array.size,
    )


def sum_chances(numbers: Iterable[int]) -> Array:
    """The chance of each sum from 0 up, where each of these whole numbers is in it or not, as likely.

    Of 1 to n it is the distribution of Wilcoxon's signed rank.
    """
    every = [int(number) for number in numbers]
    chances = np.zeros(sum(every) + 1)
    chances[0] = 1.0
    for number in every:
        kept = chances / 2
        chances = kept.copy()
        chances[number:] += kept[: kept.size - number]
    return chances


def rounds_to_reject(alpha: float, *, sides: int = 2) -> int:
    """The fewest rounds whose smallest possible p-value, ``sides`` / 2^n, lies below ``alpha``."""
    between(alpha, "alpha", 0, 1)
    return max(1, math.floor(math.log2(sides / alpha)) + 1)


def _all_sums(array: Array) -> Array:
    sums = np.zeros(1)
    for value in array:
        sums = np.concatenate((sums + value, sums - value))
    return sums


def _random_sums(array: Array, seed: int) -> Array:
    random = np.random.default_rng(seed)
    chunks = (min(_CHUNK, DRAWS - start) for start in range(0, DRAWS, _CHUNK))
    return np.concatenate([(2.0 * random.integers(0, 2, (size, array.size)) - 1) @ array for size in chunks])
