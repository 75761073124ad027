"""Effects, verdicts, many cells, the gate, flags and figures: what they say of data made to say one thing."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from bench.stats.effects import effect_over_rounds
from bench.stats.figures import figure, figure_with_interval
from bench.stats.gate import Control, Decision, decide, judge_control, screen
from bench.stats.intervals import Interval, hodges_lehmann, mean_interval
from bench.stats.multiplicity import benjamini_hochberg, holm, simultaneous_intervals
from bench.stats.rounds import round_effect
from bench.stats.signflip import sign_flip, signed_ranks
from bench.stats.steadiness import drift_over_rounds, intraclass_correlation, mser
from bench.stats.verdicts import percent, verdict, verdicts

# Twelve rounds around 0 with a standard deviation of 1: enough for p < .01 and the Holm of three cells.
NOISE = [-1.6, 1.1, -0.9, 0.6, -0.4, 0.1, 0.3, -0.2, 0.5, -0.7, 1.4, -0.2]
HOLDS = Control(outcome="holds", reason="base against itself: 0.1 % faster, p = 0.8", effect=None)
chances = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def around(effect: float, spread: float = 0.005) -> list[float]:
    return [effect + spread * value for value in NOISE]


@given(st.lists(st.tuples(st.floats(1, 1e6), st.floats(1, 1e6)), min_size=1, max_size=21))
def test_the_effect_of_a_round_is_the_median_of_its_pairs_and_turns_with_its_sides(
    pairs: list[tuple[float, float]],
) -> None:
    base, candidate = zip(*pairs, strict=True)
    found = round_effect(base, candidate)
    assert found == pytest.approx(np.median([math.log(after / before) for before, after in pairs]), abs=1e-9)
    assert round_effect(candidate, base) == pytest.approx(-found, abs=1e-9)


def test_one_wild_slice_does_not_move_a_round() -> None:
    assert round_effect([100.0] * 5, [110.0, 110.0, 110.0, 110.0, 2.0]) == pytest.approx(math.log(1.1))


@pytest.mark.parametrize(
    ("base", "candidate", "problem"),
    [
        ([1.0], [1.0, 2.0], "got 1 of base and 2 of candidate"),
        ([], [], "at least 1"),
        ([0.0], [1.0], "base rates must be above 0"),
        ([1.0], [math.nan], "candidate rates must be finite"),
    ],
)
def test_slices_without_a_partner_or_a_rate_are_refused(
    base: list[float], candidate: list[float], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        round_effect(base, candidate)


def test_an_effect_says_the_same_as_a_ratio_and_as_a_slow_down() -> None:
    effect = effect_over_rounds([math.log(1.05) + step / 100 for step in range(-3, 4)])
    assert effect.ratio.estimate == pytest.approx(1.05)
    assert effect.slow_down == pytest.approx(1 / 1.05 - 1)
    assert effect.slow_down_at_most == pytest.approx(1 / effect.ratio.low - 1)
    assert effect.ratio.low < effect.ratio.estimate < effect.ratio.high
    assert effect.rounds == 7
    with pytest.raises(FrozenInstanceError):
        effect.spread = 0.0  # type: ignore[misc]


def test_what_is_judged_is_hodges_and_lehmanns_and_by_the_mean_students() -> None:
    values = around(0.02)
    ranks, mean = effect_over_rounds(values), effect_over_rounds(values, by="mean")
    assert (ranks.judged, mean.judged) == (hodges_lehmann(values), mean_interval(values))
    assert (ranks.test, mean.test) == (signed_ranks(values), sign_flip(values))
    assert mean.spread == pytest.approx(np.std(values, ddof=1))
    assert 0.8 * mean.spread < ranks.spread < 1.25 * mean.spread


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_rounds_too_few_for_an_interval_of_ranks_have_one_that_is_as_sure_as_asked(count: int) -> None:
    values = around(0.02)[:count]
    effect = effect_over_rounds(values)
    assert effect.judged.confidence == effect.mean.confidence == 0.95
    assert effect.judged.low <= min(effect.mean.low, *values)
    assert effect.judged.high >= max(effect.mean.high, *values)


def test_one_wild_round_among_many_does_not_cost_the_verdict() -> None:
    values = [-0.03 - step / 1000 for step in range(20)]
    for wild in (-0.5, 0.4):
        assert verdict([*values, wild]).outcome == "slower"
        assert decided([*values, wild]).outcome == "regression"
    assert verdict([*values, 0.4], by="mean").outcome == "inconclusive"


def test_a_clear_gain_is_faster_and_a_clear_loss_slower() -> None:
    gain, loss = verdict(around(0.05)), verdict(around(-0.05))
    assert (gain.outcome, loss.outcome) == ("faster", "slower")
    assert gain.reason.startswith("5.1 % faster, p = ")
    assert loss.reason.startswith("5.1 % slower, p = ")


def test_no_difference_is_a_claim_that_needs_a_narrow_interval() -> None:
    narrow, wide = verdict(around(0.0)), verdict(around(0.0, spread=0.2))
    assert narrow.outcome == "no difference"
    assert "lies within 5 %" in narrow.reason
    assert wide.outcome == "inconclusive"
    assert verdict(around(0.0), margin=0.002, least_effect=0.001).outcome == "inconclusive"


def test_a_sure_difference_too_small_to_matter_is_no_difference() -> None:
    found = verdict(around(0.006, spread=0.001))
    assert found.p is not None
    assert found.p < 0.01
    assert found.outcome == "no difference"


def test_an_interval_that_pokes_out_of_the_margin_is_inconclusive() -> None:
    assert verdict(around(0.045, spread=0.05), alpha=0.001).outcome == "inconclusive"


@pytest.mark.parametrize("count", range(8))
def test_too_few_rounds_say_how_many_are_needed(count: int) -> None:
    found = verdict(around(0.5)[:count])
    assert found.outcome == "inconclusive"
    assert found.reason == f"needs at least 8 rounds to be sure at p < 0.01, has {count}"
    assert (found.effect is None) == (found.detectable is None) == (found.p is None) == (count < 2)


def test_a_mean_that_a_few_rounds_made_is_inconclusive() -> None:
    # 24 rounds agree on 1 %, two lie far below: the mean's interval misses what nearly all rounds say.
    lopsided = [0.01 + value / 1e5 for value in range(24)] + [-0.2] * 8
    found = verdict(lopsided)
    assert found.effect is not None
    assert found.outcome == "inconclusive"
    assert not found.effect.robust_agrees
    assert "a few rounds made the mean" in found.reason


def test_a_wild_round_that_widens_the_interval_over_zero_leaves_no_verdict() -> None:
    wild = [0.001, 0.002, 0.001, 0.002, 0.003, 0.001, 0.3, 0.002]
    found = verdict(wild)
    assert found.p is not None
    assert found.p < 0.01
    assert found.outcome == "inconclusive"


def test_rounds_that_are_all_slower_are_a_regression_however_far_one_of_them_lies() -> None:
    slower = [-0.021, -0.022, -0.021, -0.022, -0.023, -0.021, -1.52, -0.022]
    assert decided(slower).outcome == "regression"
    assert verdict(slower, by="mean").outcome == "inconclusive"


def test_rounds_that_all_say_the_same_are_believed() -> None:
    assert verdict([0.1] * 8).outcome == "faster"
    assert verdict([0.07] * 13).outcome == "faster"  # where mean and median differ in their last bits
    assert verdict([0.0] * 8).outcome == "no difference"


@given(st.lists(st.floats(-0.3, 0.3), min_size=8, max_size=14))
def test_swapping_the_sides_turns_the_verdict(values: list[float]) -> None:
    turned = {"faster": "slower", "slower": "faster"}
    ours, swapped = verdict(values), verdict([-value for value in values])
    assert swapped.outcome == turned.get(ours.outcome, ours.outcome)
    assert swapped.p == pytest.approx(ours.p)
    assert swapped.detectable == pytest.approx(ours.detectable)


@given(st.lists(st.floats(-0.3, 0.3), min_size=8, max_size=14))
def test_a_verdict_never_contradicts_its_interval(values: list[float]) -> None:
    found = verdict(values)
    assert found.effect is not None
    judged = found.effect.judged
    if found.outcome == "faster":
        assert judged.estimate >= math.log1p(0.01)
    elif found.outcome == "slower":
        assert judged.estimate <= -math.log1p(0.01)
    elif found.outcome == "no difference":
        assert -math.log1p(0.05) < judged.low <= judged.high < math.log1p(0.05)
    assert found.detectable is not None
    assert math.isfinite(found.detectable)


@pytest.mark.parametrize(
    "thresholds", [{"alpha": 0.0}, {"margin": 1.0}, {"least_effect": 0.1}, {"least_effect": -0.01}]
)
def test_thresholds_that_cannot_be_meant_are_refused(thresholds: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        verdict(around(0.0), **thresholds)


@pytest.mark.parametrize(
    ("effect", "words"), [(math.log(1.02), "2.0 % faster"), (-math.log(1.031), "3.1 % slower")]
)
def test_an_effect_in_words_says_which_way(effect: float, words: str) -> None:
    assert percent(effect) == words


@settings(max_examples=20)  # statsmodels collects garbage in every call of Holm's
@given(chances)
def test_adjusted_chances_are_those_of_statsmodels_in_the_same_order(values: list[float]) -> None:
    cells = {f"cell {number}": value for number, value in enumerate(values)}
    for ours, method in ((holm(cells), "holm"), (benjamini_hochberg(cells), "fdr_bh")):
        assert list(ours) == list(cells)
        assert list(ours.values()) == pytest.approx(multipletests(values, method=method)[1])
        assert all(after >= before - 1e-12 for before, after in zip(values, ours.values(), strict=True))


def test_holm_is_what_its_paper_says() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})


@pytest.mark.parametrize("values", [{}, {"a": 1.2}, {"a": -0.1}, {"a": math.nan}])
def test_what_is_no_chance_is_refused(values: dict[str, float]) -> None:
    for adjust in (holm, benjamini_hochberg):
        with pytest.raises(ValueError, match="p-values"):
            adjust(values)


def test_many_cells_need_stronger_evidence_for_slower_than_for_faster() -> None:
    # On its own each has p of about .007; asked together Holm makes it .05, Benjamini-Hochberg leaves it.
    slow, fast = around(-0.03, spread=0.036), around(0.03, spread=0.036)
    alone = verdict(slow)
    assert alone.outcome == "slower"
    together = verdicts(
        {**{f"s{n}": slow for n in range(4)}, **{f"f{n}": fast for n in range(4)}, "few": [0.1]}
    )
    assert {together[f"s{n}"].outcome for n in range(4)} == {"inconclusive"}
    assert {together[f"f{n}"].outcome for n in range(4)} == {"faster"}
    assert together["few"].reason.startswith("needs at least 8 rounds")


def test_verdicts_of_nothing_but_too_few_rounds_are_all_inconclusive() -> None:
    assert [found.outcome for found in verdicts({"a": [0.1], "b": []}).values()] == ["inconclusive"] * 2


def test_intervals_that_hold_together_are_wider_and_share_the_chance() -> None:
    alone = hodges_lehmann(NOISE)
    together = simultaneous_intervals({"a": NOISE, "b": NOISE, "c": NOISE, "d": NOISE, "e": NOISE})
    assert together["a"].half_width > alone.half_width
    assert together["a"] == hodges_lehmann(NOISE, 0.99)
    with pytest.raises(ValueError, match="no cells"):
        simultaneous_intervals({})


def test_stage_one_flags_the_slow_passes_the_equal_and_leaves_the_noisy() -> None:
    found = screen(
        {"slow": around(-0.03), "equal": around(0.002), "noisy": around(0.0, spread=0.2), "few": [0.0] * 3}
    )
    assert {name: cell.outcome for name, cell in found.items()} == {
        "slow": "flagged",
        "equal": "pass",
        "noisy": "undecided",
        "few": "undecided",
    }
    assert found["few"].reason == "needs at least 4 rounds, has 3"


def test_a_faster_cell_is_never_flagged() -> None:
    assert screen({"fast": around(0.1)})["fast"].outcome == "pass"


def decided(
    effects: list[float], *, flagged: bool = True, control: Control = HOLDS, **options: Any
) -> Decision:
    return decide({"cell": effects}, flagged=["cell"] if flagged else [], control=control, **options)["cell"]


def test_a_flagged_cell_that_is_slower_again_is_a_regression() -> None:
    found = decided(around(-0.03))
    assert found.outcome == "regression"
    assert found.reason.startswith("3.0 % slower, p = ")


def test_a_cell_that_was_not_flagged_is_never_a_regression() -> None:
    assert decided(around(-0.03), flagged=False).outcome == "pass"
    late = decided(around(-0.30), flagged=False)
    assert (late.outcome, "but the first did not flag it" in late.reason) == ("inconclusive", True)


def test_a_regression_of_less_than_one_percent_passes() -> None:
    found = decided(around(-0.006, spread=0.001))
    assert found.p is not None
    assert found.p < 0.01
    assert found.outcome == "pass"


def test_a_regression_of_one_percent_by_the_mean_alone_passes() -> None:
    pulled = [-0.0085 - 0.0001 * number for number in range(9)] + [-0.012, -0.03]
    found = decided(pulled)
    assert found.effect is not None
    assert found.effect.mean.estimate < -math.log1p(0.01) < found.effect.robust.estimate
    assert found.effect.robust_agrees
    assert found.outcome == "pass"


def test_a_flag_that_fresh_rounds_do_not_confirm_passes_under_the_margin_only() -> None:
    assert decided(around(0.0)).outcome == "pass"
    noisy = decided(around(0.0, spread=0.2))
    assert noisy.outcome == "inconclusive"
    assert "not under the margin of 5 %" in noisy.reason


def test_a_margin_of_ones_own_decides_what_passes() -> None:
    assert decided(around(-0.02, spread=0.03), margin=0.10).outcome == "pass"
    assert decided(around(-0.02, spread=0.03), margin=0.03).outcome == "inconclusive"


def test_a_control_that_fails_makes_a_regression_an_unfit_environment() -> None:
    control = judge_control(around(0.03))
    assert control.outcome == "fails"
    found = decided(around(-0.03), control=control)
    assert found.outcome == "environment unfit"
    assert "base against itself: 3.0 % faster" in found.reason
    assert decided(around(0.0), control=control).outcome == "pass"


def test_a_control_with_too_few_rounds_vouches_for_nothing() -> None:
    control = judge_control(around(0.0)[:5])
    assert control.outcome == "unknown"
    assert decided(around(-0.03), control=control).outcome == "inconclusive"


@pytest.mark.parametrize("effects", [around(0.0), around(0.005, spread=0.001)])
def test_a_control_holds_where_base_is_like_itself_or_nearly(effects: list[float]) -> None:
    assert judge_control(effects).outcome == "holds"


@pytest.mark.parametrize("count", [0, 1, 2, 6])
def test_too_few_fresh_rounds_never_pass(count: int) -> None:
    found = decided(around(0.0)[:count])
    assert (found.outcome, found.reason) == ("inconclusive", f"needs at least 7 rounds, has {count}")


def test_more_flagged_cells_need_more_rounds() -> None:
    cells = {number: around(-0.05)[:8] for number in range(4)}
    found = decide(cells, flagged=list(cells), control=HOLDS)
    assert {cell.reason for cell in found.values()} == {"needs at least 9 rounds, has 8"}


def test_a_flagged_cell_without_a_second_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="flagged cells without a second stage: lost"):
        decide({"cell": around(0.0)}, flagged=["lost"], control=HOLDS)


def test_a_slow_down_that_a_few_rounds_made_is_inconclusive() -> None:
    lopsided = [0.01 + value / 1e5 for value in range(24)] + [-0.2] * 8
    assert decided(lopsided).outcome == "inconclusive"


@settings(max_examples=40)
@given(st.lists(st.floats(-0.3, 0.3), min_size=7, max_size=14), st.booleans())
def test_a_pass_has_its_bound_under_the_margin(values: list[float], flagged: bool) -> None:
    found = decided(values, flagged=flagged)
    assert found.effect is not None
    if found.outcome == "pass":
        assert found.effect.slow_down_at_most < 0.05
    if found.outcome == "regression":
        assert flagged
        assert found.effect.slow_down >= 0.01


def test_mser_drops_a_warm_up_and_nothing_of_a_steady_run() -> None:
    steady = np.random.default_rng(1).normal(100, 1, 200)
    warming = steady.copy()
    warming[:40] -= 30
    assert 40 <= mser(warming).dropped <= 50  # the warm-up, and at most two batches that look like it
    assert mser(warming).settled
    assert mser(steady).dropped <= 40
    assert mser(steady).settled


def test_mser_distrusts_a_run_that_never_settles() -> None:
    steps = np.repeat([0.0, 10.0, 20.0, 30.0, 40.0], 40)
    assert not mser(steps + np.random.default_rng(2).normal(0, 0.1, 200)).settled


def test_mser_takes_slices_as_they_are_and_refuses_too_few() -> None:
    slices = [50.0, 60.0, 70.0, *([100.0, 101.0] * 8)]
    assert mser(slices, batch=1).dropped == 3
    with pytest.raises(ValueError, match="at least 30, got 19"):
        mser(slices)
    with pytest.raises(ValueError, match="batch must be at least 1"):
        mser(slices, batch=0)


def test_a_case_drifts_where_every_round_does() -> None:
    assert drift_over_rounds(around(-0.05)).drifting
    assert not drift_over_rounds(around(0.0)).drifting
    assert not drift_over_rounds(around(-0.05, spread=0.5)).drifting
    assert not drift_over_rounds(around(-0.01, spread=0.001)).drifting  # sure, and too small to matter


def test_slices_that_say_the_same_all_round_are_one_replicate() -> None:
    assert intraclass_correlation([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]) == 1
    assert intraclass_correlation([[1.0, 2.0], [1.0, 2.0]]) == 0


def test_slices_are_as_alike_as_they_were_made() -> None:
    random = np.random.default_rng(4)
    made = random.normal(0, math.sqrt(0.7), (3000, 1)) + random.normal(0, math.sqrt(0.3), (3000, 5))
    assert intraclass_correlation(list(made)) == pytest.approx(0.7, abs=0.02)
    ragged = [row[: 2 + index % 4] for index, row in enumerate(made)]
    assert intraclass_correlation(ragged) == pytest.approx(0.7, abs=0.03)


@pytest.mark.parametrize("values", [[[1.0, 2.0]], [[1.0], [2.0]], [[1.0, 1.0], [1.0, 1.0]]])
def test_likeness_needs_rounds_slices_and_a_spread(values: list[list[float]]) -> None:
    with pytest.raises(ValueError, match=r"at least 2|all values are the same"):
        intraclass_correlation(values)


def interval(estimate: float, half_width: float) -> Interval:
    return Interval(
        estimate=estimate, low=estimate - half_width, high=estimate + half_width, confidence=0.95, count=5
    )


@pytest.mark.parametrize(
    ("estimate", "half_width", "short", "whole"),
    [
        (12_345, 245, "12.3k", "12,340 [12,100, 12,590]"),
        (12_345, 3_000, "12k", "12,300 [9,300, 15,300]"),
        (12_345, 30_000, "10k", "12,000 [-18,000, 42,000]"),
        (12_345, 300_000, "10k", "12,000 [-288,000, 312,000]"),
        (1_234_567, 21_000, "1.23M", "1,235,000 [1,214,000, 1,256,000]"),
        (999_960, 700, "1.0000M", "999,960 [999,260, 1,000,660]"),
        (0.01234, 0.0004, "0.0123", "0.01234 [0.01194, 0.01274]"),
        (987.6, 0.0, "987.600", "987.6000 [987.6000, 987.6000]"),
        (0.0, 0.02, "0.00", "0.000 [-0.020, 0.020]"),
        (0.0, 0.0, "0", "0.0 [0.0, 0.0]"),
    ],
)
def test_a_figure_has_the_digits_that_its_interval_leaves(
    estimate: float, half_width: float, short: str, whole: str
) -> None:
    assert figure(interval(estimate, half_width)) == short
    assert figure_with_interval(interval(estimate, half_width)) == whole


@given(st.floats(1e-3, 1e8), st.floats(1e-6, 0.9))
def test_rounding_moves_a_figure_by_less_than_its_interval(estimate: float, share: float) -> None:
    shown = figure(interval(estimate, estimate * share))
    unit = {"k": 1e3, "M": 1e6, "G": 1e9}.get(shown[-1], 1)
    value = float(shown.rstrip("kMG")) * unit
    assert abs(value - estimate) <= max(estimate * share, estimate * 1e-5) * 0.5 * (1 + 1e-6)


def test_a_figure_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        figure(interval(math.inf, 1))
