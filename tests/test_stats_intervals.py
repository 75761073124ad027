"""Intervals, the sign-flip test and planning, against scipy, statsmodels and their own definitions."""

from __future__ import annotations

import math
from itertools import product
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint

from bench.stats import intervals, signflip
from bench.stats.intervals import hodges_lehmann, mean_interval, rate_interval
from bench.stats.planning import (
    detectable_effect,
    rounds_for_precision,
    slices_per_round,
)
from bench.stats.proportions import clopper_pearson, wilson
from bench.stats.samples import sample
from bench.stats.signflip import rounds_to_reject, sign_flip, signed_ranks, sum_chances

effects = st.floats(-1, 1, allow_subnormal=False).map(lambda value: round(value, 6))
rounds = st.lists(effects, min_size=2, max_size=12)
rates = st.lists(st.floats(1e-3, 1e7), min_size=2, max_size=30)
ROUNDS = [0.012, -0.031, 0.044, 0.002, -0.009, 0.027, 0.038, -0.001, 0.019, 0.025, -0.017, 0.008]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([], "at least 2, got 0"),
        ([1.0], "at least 2, got 1"),
        ([1.0, math.nan], "finite"),
        ([1.0, math.inf], "finite"),
        ([[1.0, 2.0], [3.0, 4.0]], "flat list"),
    ],
)
def test_what_is_no_sample_is_refused_in_words(values: Any, problem: str) -> None:
    for estimate in (mean_interval, rate_interval, hodges_lehmann):
        with pytest.raises(ValueError, match=problem):
            estimate(values)


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_a_rate_that_is_not_above_zero_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        rate_interval([10.0, rate])


def test_all_problems_of_a_sample_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"rounds must be at least 3, got 1; rounds must be finite numbers"):
        sample([math.nan], "rounds", least=3)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
def test_a_confidence_is_a_share(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        mean_interval(ROUNDS, confidence)


@given(st.lists(effects, min_size=2, max_size=40).filter(lambda values: np.std(values) > 1e-9))
def test_the_interval_of_a_mean_is_scipys(values: list[float]) -> None:
    found = mean_interval(values, 0.9)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.estimate == pytest.approx(np.mean(values))


def test_values_that_are_all_the_same_have_an_interval_without_width() -> None:
    found = mean_interval([0.25, 0.25, 0.25])
    assert (found.low, found.estimate, found.high) == (0.25, 0.25, 0.25)


@given(rates, st.floats(1e-3, 1e3))
def test_the_interval_of_a_rate_is_above_zero_and_scales_with_it(values: list[float], factor: float) -> None:
    found, scaled = rate_interval(values), rate_interval([value * factor for value in values])
    assert 0 <= found.low <= found.estimate * (1 + 1e-9)
    assert found.estimate <= found.high * (1 + 1e-9)
    assert found.estimate == pytest.approx(stats.gmean(values))
    assert scaled.low == pytest.approx(found.low * factor)
    assert scaled.high == pytest.approx(found.high * factor)


@given(rounds)
def test_hodges_lehmann_is_the_median_of_all_pairwise_means(values: list[float]) -> None:
    means = [(a + b) / 2 for index, a in enumerate(values) for b in values[index:]]
    found = hodges_lehmann(values)
    assert found.estimate == pytest.approx(np.median(means), abs=1e-12)
    assert found.low <= found.estimate + 1e-12
    assert found.estimate <= found.high + 1e-12


@given(st.lists(effects, min_size=6, max_size=12), effects)
def test_hodges_lehmann_moves_and_turns_with_its_values(values: list[float], shift: float) -> None:
    found = hodges_lehmann(values)
    moved = hodges_lehmann([shift - value for value in values])
    assert moved.estimate == pytest.approx(shift - found.estimate, abs=1e-9)
    assert moved.low == pytest.approx(shift - found.high, abs=1e-9)
    assert moved.high == pytest.approx(shift - found.low, abs=1e-9)


def test_the_interval_of_hodges_lehmann_holds_what_wilcoxons_test_does_not_reject() -> None:
    found = hodges_lehmann(ROUNDS, 0.95)
    inside, width = 1e-6, found.high - found.low
    for shift in np.linspace(found.low - width, found.high + width, 41):
        p = stats.wilcoxon(np.array(ROUNDS) - shift, method="exact").pvalue
        if found.low + inside < shift < found.high - inside:
            assert p > 0.05 - 1e-9
        elif not found.low - inside < shift < found.high + inside:
            assert p <= 1 - found.confidence + 1e-9


@pytest.mark.parametrize("count", range(2, 16))
def test_signed_rank_probabilities_are_those_of_all_patterns(count: int) -> None:
    if count > 10:  # beyond, the patterns are many: the sum and the symmetry have to do
        chances = sum_chances(range(1, count + 1))
        assert chances.sum() == pytest.approx(1)
        assert chances == pytest.approx(chances[::-1])
        return
    sums = [
        sum(rank for rank, sign in enumerate(signs, 1) if sign) for signs in product((0, 1), repeat=count)
    ]
    expected = np.bincount(sums) / 2**count
    assert sum_chances(range(1, count + 1)) == pytest.approx(expected)


@pytest.mark.parametrize(("count", "confidence"), [(2, 0.5), (3, 0.75), (5, 0.9375)])
def test_few_values_give_their_range_and_say_what_it_is_worth(count: int, confidence: float) -> None:
    values = ROUNDS[:count]
    found = hodges_lehmann(values, 0.95)
    assert (found.low, found.high, found.confidence) == (min(values), max(values), confidence)


def test_many_values_give_the_same_interval_counted_out_or_approximated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(3).normal(0, 0.03, 150)
    counted = hodges_lehmann(values)
    monkeypatch.setattr(intervals, "_COUNTED_OUT", 100)
    approximated = hodges_lehmann(values)
    assert approximated.low == pytest.approx(counted.low, abs=2e-4)
    assert approximated.high == pytest.approx(counted.high, abs=2e-4)


@given(st.integers(1, 400).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_intervals_of_proportions_are_scipys(case: tuple[int, int]) -> None:
    test = stats.binomtest(*case)
    pairs = (
        (wilson(*case), test.proportion_ci(0.95, "wilson")),
        (clopper_pearson(*case), test.proportion_ci(0.95, "exact")),
    )
    for found, expected in pairs:
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
        assert found.low - 1e-12 <= found.estimate <= found.high + 1e-12


def test_no_false_alarm_in_300_gates_still_leaves_one_percent() -> None:
    assert clopper_pearson(0, 300).high == pytest.approx(1 - 0.025 ** (1 / 300))
    assert wilson(0, 300).high == pytest.approx(proportion_confint(0, 300, method="wilson")[1])


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 5), (6, 5)])
def test_a_proportion_that_cannot_be_is_refused(successes: int, trials: int) -> None:
    for interval in (wilson, clopper_pearson):
        with pytest.raises(ValueError, match=f"got {successes} of {trials}"):
            interval(successes, trials)


@settings(max_examples=30)
@given(
    st.lists(st.integers(-50, 50), min_size=2, max_size=9), st.sampled_from(["two-sided", "greater", "less"])
)
def test_exact_sign_flips_are_scipys(
    values: list[int], alternative: Literal["two-sided", "greater", "less"]
) -> None:
    # Whole numbers, whose sums are exact: scipy lets the last bits of a sum decide whether two of them tie.
    ours = sign_flip(np.array(values) / 64)
    assert ours.exact
    assert ours.draws == 2 ** len(values)
    theirs = stats.permutation_test(
        (np.array(values) / 64,), np.sum, permutation_type="samples", alternative=alternative
    ).pvalue
    names = {"two-sided": ours.p_two_sided, "greater": ours.p_greater, "less": ours.p_less}
    assert names[alternative] == pytest.approx(theirs)


def test_sums_that_tie_but_for_their_last_bits_count_as_ties() -> None:
    assert sign_flip([0.1, 0.2, 0.3, -0.6]).p_greater == sign_flip([1, 2, 3, -6]).p_greater


def test_drawn_sign_flips_come_close_to_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = sign_flip(ROUNDS)
    monkeypatch.setattr(signflip, "EXACT_ROUNDS", 5)
    drawn = sign_flip(ROUNDS, seed=1)
    assert (drawn.exact, drawn.draws) == (False, 99_999)
    # Four standard errors of a share of 99,999 draws.
    for name in ("p_two_sided", "p_greater", "p_less"):
        p = getattr(exact, name)
        assert getattr(drawn, name) == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 99_999))


def test_drawn_sign_flips_repeat_with_their_seed_and_are_never_zero() -> None:
    values = [0.1 + index / 1000 for index in range(25)]
    assert sign_flip(values, seed=5) == sign_flip(values, seed=5)
    assert sign_flip(values, seed=5).p_two_sided == 1 / 100_000
    noise = np.random.default_rng(0).normal(0, 1, 25)
    assert sign_flip(noise, seed=5) != sign_flip(noise, seed=6)


@given(rounds, st.floats(0.01, 100))
def test_sign_flips_do_not_depend_on_scale_and_turn_with_the_sign(values: list[float], factor: float) -> None:
    ours, turned = sign_flip(values), sign_flip([-factor * value for value in values])
    assert turned.p_two_sided == pytest.approx(ours.p_two_sided)
    assert (turned.p_less, turned.p_greater) == pytest.approx((ours.p_greater, ours.p_less))


def test_no_difference_at_all_is_no_evidence() -> None:
    for test in (sign_flip, signed_ranks):
        found = test([0.0, 0.0, 0.0])
        assert (found.p_two_sided, found.p_less, found.p_greater) == (1, 1, 1)


@settings(max_examples=30)
@given(st.lists(st.floats(-10, 10).filter(bool), min_size=2, max_size=40, unique_by=abs))
def test_signed_ranks_are_scipys_wilcoxon(values: list[float]) -> None:
    ours = signed_ranks(values)
    two_sided, less, greater = (
        stats.wilcoxon(values, alternative="two-sided", method="exact").pvalue,
        stats.wilcoxon(values, alternative="less", method="exact").pvalue,
        stats.wilcoxon(values, alternative="greater", method="exact").pvalue,
    )
    assert (ours.p_two_sided, ours.p_less, ours.p_greater) == pytest.approx((two_sided, less, greater))


@settings(max_examples=30)
@given(st.lists(st.integers(-4, 4), min_size=2, max_size=10))
def test_signed_ranks_with_ties_and_zeros_are_sign_flips_of_the_ranks(values: list[int]) -> None:
    ranked = np.sign(values) * stats.rankdata(np.abs(values))
    ours, flipped = signed_ranks(values), sign_flip(ranked)
    assert (ours.p_two_sided, ours.p_less, ours.p_greater) == pytest.approx(
        (flipped.p_two_sided, flipped.p_less, flipped.p_greater)
    )


def test_drawn_signed_ranks_come_close_to_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = signed_ranks(ROUNDS)
    assert exact.exact
    monkeypatch.setattr(signflip, "COUNTED_ROUNDS", 5)
    monkeypatch.setattr(signflip, "EXACT_ROUNDS", 5)
    drawn = signed_ranks(ROUNDS, seed=1)
    assert (drawn.exact, drawn.draws) == (False, 99_999)
    p = exact.p_two_sided
    assert drawn.p_two_sided == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 99_999))


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=30), st.integers(1, 100))
def test_signed_ranks_do_not_depend_on_scale_and_turn_with_the_sign(values: list[int], factor: int) -> None:
    ours, turned = signed_ranks(values), signed_ranks([-factor * value for value in values])
    assert turned.p_two_sided == pytest.approx(ours.p_two_sided)
    assert (turned.p_less, turned.p_greater) == pytest.approx((ours.p_greater, ours.p_less))


def test_how_far_the_farthest_round_lies_does_not_matter_to_ranks() -> None:
    near, far = [*ROUNDS, 2 * max(map(abs, ROUNDS))], [*ROUNDS, 1e6]
    assert signed_ranks(near) == signed_ranks(far)


@given(st.floats(1e-4, 0.5), st.sampled_from([1, 2]))
def test_the_fewest_rounds_can_reject_and_one_fewer_cannot(alpha: float, sides: int) -> None:
    needed = rounds_to_reject(alpha, sides=sides)
    assert sides / 2**needed < alpha
    assert needed == 1 or sides / 2 ** (needed - 1) >= alpha


@pytest.mark.parametrize("count", [3, 5, 10, 40, 300])
@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.05])
def test_the_detectable_effect_is_that_of_statsmodels(count: int, alpha: float) -> None:
    effect = detectable_effect(0.03, count, alpha)
    # Two-sided at 90 % is one side at half of alpha: what lies in the other tail is below 1e-6.
    theirs = TTestPower().power(effect / 0.03, count, alpha / 2, alternative="larger")
    assert theirs == pytest.approx(0.9, abs=1e-6)
    one_sided = detectable_effect(0.03, count, alpha, power=0.5, sides=1)
    theirs = TTestPower().power(one_sided / 0.03, count, alpha, alternative="larger")
    assert theirs == pytest.approx(0.5, abs=1e-6)


@given(st.floats(1e-6, 1), st.integers(2, 60), st.sampled_from([1e-4, 0.01, 0.05]))
def test_more_rounds_and_less_spread_see_smaller_effects(spread: float, count: int, alpha: float) -> None:
    effect = detectable_effect(spread, count, alpha)
    assert detectable_effect(spread, count + 1, alpha) < effect < detectable_effect(2 * spread, count, alpha)


def test_without_any_spread_every_effect_is_detectable() -> None:
    assert detectable_effect(0.0, 5, 0.01) == 0


@pytest.mark.parametrize(("spread", "count"), [(math.nan, 5), (-1, 5), (math.inf, 5), (0.1, 1)])
def test_a_detectable_effect_needs_a_spread_and_two_rounds(spread: float, count: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        detectable_effect(spread, count, 0.05)


@given(st.lists(effects, min_size=3, max_size=10).filter(lambda values: np.std(values) > 1e-3))
def test_planned_rounds_reach_the_precision_and_one_fewer_would_not(pilot: list[float]) -> None:
    plan = rounds_for_precision(pilot, 0.05)

    def half_width(count: int) -> float:
        return float(stats.t.ppf(0.975, count - 1)) * plan.planned_spread / math.sqrt(count)

    assert half_width(plan.rounds) <= 0.05 < (half_width(plan.rounds - 1) if plan.rounds > 2 else math.inf)
    assert plan.planned_spread > plan.spread == pytest.approx(np.std(pilot, ddof=1))


def test_a_pilot_without_spread_needs_the_fewest_rounds() -> None:
    assert rounds_for_precision([0.1, 0.1, 0.1], 0.01).rounds == 2


def test_a_precision_beyond_reach_is_refused_with_the_spread() -> None:
    with pytest.raises(
        ValueError, match=r"a precision of 1e-06 takes more than 10,000 rounds at a spread of"
    ):
        rounds_for_precision(ROUNDS, 1e-6)


@pytest.mark.parametrize(("pilot", "half_width"), [(ROUNDS[:2], 0.1), (ROUNDS, 0.0), (ROUNDS, -1.0)])
def test_a_plan_needs_three_rounds_and_a_precision(pilot: list[float], half_width: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        rounds_for_precision(pilot, half_width)


def test_slices_per_round_make_the_variance_for_a_given_time_least() -> None:
    best = slices_per_round(between_variance=1.0, within_variance=9.0, round_cost_s=4.0, slice_cost_s=0.1)

    def variance(slices: int) -> float:
        rounds_in_an_hour = 3600 / (4.0 + slices * 0.1)
        return (1.0 + 9.0 / slices) / rounds_in_an_hour

    assert min(range(1, 200), key=variance) == pytest.approx(best, abs=1)
    assert slices_per_round(between_variance=9, within_variance=1, round_cost_s=1, slice_cost_s=1) == 1
    with pytest.raises(ValueError, match="above 0"):
        slices_per_round(between_variance=0, within_variance=1, round_cost_s=1, slice_cost_s=1)


def test_planning_names_an_unknown_number_of_sides() -> None:
    with pytest.raises(ValueError, match="sides 1 or 2"):
        detectable_effect(0.1, 5, 0.05, sides=3)
