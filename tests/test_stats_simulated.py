"""Nominal rates on data whose truth is known: simulated rounds of slices, and slices that were recorded.

A round has an effect of its own, which all of its slices share, and slices scatter around it: the intraclass
correlation is 0.7 here, of the 0.5 to 0.9 that was seen on a shared machine. Seeds are fixed, so a failure is
a change of the statistics and not bad luck; each band is some four standard errors of a share wide.
"""

from __future__ import annotations

import csv
import gc
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from bench.gate import EXIT_CODES
from bench.stats.effects import effect_over_rounds
from bench.stats.gate import Control, decide, judge_control, screen
from bench.stats.intervals import hodges_lehmann, mean_interval
from bench.stats.planning import detectable_effect, rounds_for_precision
from bench.stats.rounds import round_effect
from bench.stats.samples import Array, Numbers
from bench.stats.signflip import SignFlip, sign_flip, signed_ranks
from bench.stats.steadiness import intraclass_correlation
from bench.stats.verdicts import verdict

Rounds = npt.NDArray[np.float64]

ROUND_SPREAD = 0.03
SLICE_SPREAD = ROUND_SPREAD * math.sqrt(0.3 / 0.7)
SLICES = 15
HOLDS = Control(outcome="holds", reason="", effect=None)
SHAPES = ["normal", "heavy", "skewed"]


def simulated(
    random: np.random.Generator, tries: int, rounds: int, *, effect: float = 0.0, shape: str = "normal"
) -> Rounds:
    """Effects of rounds, shape (tries, rounds), as medians over slices; all shapes have the same spread."""
    size = (tries, rounds)
    own = {
        "normal": random.normal(0, 1, size),
        "heavy": random.standard_t(4, size) / math.sqrt(2),
        "skewed": random.gamma(4, 0.5, size) - 2,
    }[shape]
    slices = random.normal(0, SLICE_SPREAD, (*size, SLICES))
    found: Rounds = np.median(effect + ROUND_SPREAD * own[..., None] + slices, axis=-1)
    return found


@pytest.fixture(autouse=True)
def without_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Holm's in statsmodels collects all garbage in every call, 40 ms each: too long for so many gates."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


def test_the_effect_of_a_simulated_round_is_that_of_its_rates() -> None:
    random = np.random.default_rng(0)
    base = np.exp(random.normal(9, 0.1, SLICES))
    ratios = random.normal(0.02, 0.05, SLICES)
    assert round_effect(base, base * np.exp(ratios)) == pytest.approx(np.median(ratios))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("test", [sign_flip, signed_ranks])
def test_equal_sides_are_called_different_as_often_as_alpha_says(
    test: Callable[[Numbers], SignFlip], shape: str, alpha: float
) -> None:
    tries = 3000
    data = simulated(np.random.default_rng(10), tries, 10, shape=shape)
    alarms = sum(test(rounds).p_two_sided <= alpha for rounds in data) / tries
    band = 4 * math.sqrt(alpha * (1 - alpha) / tries)
    # No test that assumes so little holds its rate exactly under skew, where signs do not flip freely.
    assert alarms == pytest.approx(alpha, abs=2 * band if shape == "skewed" else band)


def stalled(random: np.random.Generator, tries: int, rounds: int, effect: float = 0.0) -> Array:
    """Rounds of which one in sixteen has a stall on either side: it slows down, and by much."""
    sides = random.exponential(0.2, (2, tries, rounds)) * (random.random((2, tries, rounds)) < 1 / 16)
    found: Array = random.normal(effect, ROUND_SPREAD, (tries, rounds)) + sides[0] - sides[1]
    return found


def test_where_rounds_stall_ranks_see_more_than_the_mean_and_are_as_rarely_wrong() -> None:
    tries, rounds, alpha = 1500, 20, 0.01
    random = np.random.default_rng(21)
    equal, slower = (stalled(random, tries, rounds, effect) for effect in (0.0, -math.log(1.04)))
    chances = {
        test: [np.mean([test(one).p_two_sided < alpha for one in data]) for data in (equal, slower)]
        for test in (sign_flip, signed_ranks)
    }
    band = 4 * math.sqrt(alpha * (1 - alpha) / tries)
    assert all(wrong <= alpha + band for wrong, _ in chances.values())
    assert chances[signed_ranks][1] > chances[sign_flip][1] + 0.1
    found = [effect_over_rounds(one) for one in equal]
    held = np.mean([one.judged.contains(0.0) for one in found])
    assert held == pytest.approx(0.95, abs=4 * math.sqrt(0.05 * 0.95 / tries))
    assert np.median([one.robust.half_width / one.mean.half_width for one in found]) < 0.8


def test_what_is_called_detectable_is_seen_about_nine_times_in_ten_where_rounds_stall() -> None:
    tries, rounds, alpha = 400, 42, 0.01
    random = np.random.default_rng(22)
    typical = float(
        np.median([effect_over_rounds(one).detectable(alpha) for one in stalled(random, tries, rounds)])
    )
    data = stalled(random, tries, rounds, math.log1p(typical))
    seen = np.mean([signed_ranks(one).p_two_sided < alpha for one in data])
    assert 0.82 <= seen <= 0.97


def test_drawn_sign_flips_keep_their_rate_too() -> None:
    tries = 300
    data = simulated(np.random.default_rng(11), tries, 24)
    alarms = sum(sign_flip(rounds, seed=number).p_less <= 0.1 for number, rounds in enumerate(data)) / tries
    assert alarms == pytest.approx(0.1, abs=4 * math.sqrt(0.1 * 0.9 / tries))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rounds", [8, 15])
def test_intervals_of_95_percent_hold_the_truth_in_93_to_97_percent(shape: str, rounds: int) -> None:
    tries, truth = 2500, 0.02
    data = simulated(np.random.default_rng(12), tries, rounds, effect=truth, shape=shape)
    held = sum(mean_interval(values).contains(truth) for values in data) / tries
    assert 0.93 <= held <= 0.97


@pytest.mark.parametrize("rounds", [8, 15])
def test_robust_intervals_hold_the_truth_as_often_as_they_say(rounds: int) -> None:
    tries, truth = 2500, -0.01
    found = [
        hodges_lehmann(values)
        for values in simulated(np.random.default_rng(13), tries, rounds, effect=truth, shape="heavy")
    ]
    held = sum(interval.contains(truth) for interval in found) / tries
    nominal = found[0].confidence
    assert nominal >= 0.95
    assert held == pytest.approx(nominal, abs=4 * math.sqrt(nominal * (1 - nominal) / tries))


def test_slices_taken_for_replicates_raise_false_alarms_and_rounds_do_not() -> None:
    random, tries = np.random.default_rng(14), 500
    rounds = random.normal(0, ROUND_SPREAD, (tries, 6, 1)) + random.normal(
        0, SLICE_SPREAD, (tries, 6, SLICES)
    )
    pooled = stats.ttest_1samp(rounds.reshape(tries, -1), 0, axis=1).pvalue
    ours = [sign_flip(medians).p_two_sided for medians in np.median(rounds, axis=2)]
    assert np.mean(pooled < 0.05) > 0.3
    assert np.mean(np.array(ours) <= 0.05) < 0.1


@pytest.mark.parametrize("rounds", [8, 12, 20])
def test_the_detectable_effect_is_seen_nine_times_in_ten_by_a_t_test(rounds: int) -> None:
    tries, alpha = 4000, 0.05
    effect = detectable_effect(ROUND_SPREAD, rounds, alpha)
    data = np.random.default_rng(15).normal(effect, ROUND_SPREAD, (tries, rounds))
    seen = np.mean(stats.ttest_1samp(data, 0, axis=1).pvalue < alpha)
    assert seen == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / tries))


def test_the_detectable_effect_is_close_to_what_the_sign_flip_test_sees() -> None:
    tries, rounds, alpha = 1000, 12, 0.01
    data = np.random.default_rng(16).normal(
        detectable_effect(ROUND_SPREAD, rounds, alpha), ROUND_SPREAD, (tries, rounds)
    )
    seen = sum(sign_flip(values).p_two_sided < alpha for values in data) / tries
    # Ranks of 4096 patterns are coarser than t, which costs some power; it must not be much.
    assert 0.82 <= seen <= 0.93


def test_planned_rounds_reach_their_precision_as_often_as_assured() -> None:
    random, tries, wanted = np.random.default_rng(17), 400, 0.02
    reached = 0
    for pilot in random.normal(0, ROUND_SPREAD, (tries, 5)):
        plan = rounds_for_precision(pilot, wanted)
        reached += mean_interval(random.normal(0, ROUND_SPREAD, plan.rounds)).half_width <= wanted
    # Assured at 0.8 for the spread; the width of the run itself varies as well.
    assert 0.7 <= reached / tries <= 0.95


@pytest.mark.parametrize("shape", SHAPES)
def test_a_false_faster_comes_in_less_than_one_comparison_in_a_hundred(shape: str) -> None:
    data = simulated(np.random.default_rng(18), 2000, 10, shape=shape)
    outcomes = Counter(verdict(values).outcome for values in data)
    assert outcomes["faster"] < 20
    assert outcomes["slower"] < 40 if shape == "skewed" else outcomes["slower"] < 20
    assert outcomes["no difference"] > 1500


def test_no_difference_is_hardly_ever_said_of_a_difference_of_the_margin() -> None:
    data = simulated(np.random.default_rng(19), 2000, 10, effect=-math.log1p(0.05))
    wrong = sum(verdict(values).outcome == "no difference" for values in data)
    assert wrong <= 2000 * 0.025 + 4 * math.sqrt(2000 * 0.025 * 0.975)


def gate(random: np.random.Generator, effect: float, cells: int = 3, rounds: int = 12) -> str:
    """A whole gate of cells with the same true effect: a control, stage 1, and 2 for what is left."""
    control = judge_control(simulated(random, 1, rounds)[0])
    first = screen(dict(enumerate(simulated(random, cells, rounds, effect=effect))))
    left = {number: cell for number, cell in first.items() if cell.outcome != "pass"}
    if not left:
        return "pass"
    fresh = dict(zip(left, simulated(random, len(left), rounds, effect=effect), strict=True))
    flagged = [number for number, cell in left.items() if cell.outcome == "flagged"]
    decided = decide(fresh, flagged=flagged, control=control).values()
    return min((cell.outcome for cell in decided), key=list(EXIT_CODES).index)


def test_of_300_gates_of_equal_sides_hardly_any_is_a_false_regression_and_nearly_all_pass() -> None:
    random = np.random.default_rng(20)
    outcomes = Counter(gate(random, 0.0) for _ in range(300))
    # Three cells of 0.10 * 0.01 each: 0.9 of 300 gates by chance, more than 4 once in 400 tries.
    assert outcomes["regression"] <= 4
    assert outcomes["pass"] >= 285


def test_a_gate_sees_ten_percent_and_never_passes_it() -> None:
    random = np.random.default_rng(21)
    outcomes = Counter(gate(random, -math.log1p(0.10), cells=1) for _ in range(100))
    assert outcomes["regression"] >= 90  # a control fails by chance in some 2 of 100, which makes them unfit
    assert outcomes["pass"] == 0


def test_a_slow_down_of_the_margin_passes_a_gate_in_at_most_five_percent() -> None:
    random = np.random.default_rng(22)
    outcomes = Counter(gate(random, -math.log1p(0.05), cells=1, rounds=8) for _ in range(400))
    assert outcomes["pass"] <= 400 * 0.05 + 4 * math.sqrt(400 * 0.05 * 0.95)


@pytest.fixture(scope="module")
def recorded() -> list[tuple[list[float], list[float]]]:
    """Base and candidate rates of 12 rounds of 20 slices: two equal asyncio programs on a busy 2-core VM, in
    fresh processes each round, alive together, slices in random turns. In the tenth, one ran a third faster
    throughout.
    """
    rounds: dict[int, tuple[list[float], list[float]]] = {}
    with (Path(__file__).parent / "data" / "aa_slices.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            base, candidate = rounds.setdefault(int(row["round"]), ([], []))
            base.append(float(row["base_per_s"]))
            candidate.append(float(row["candidate_per_s"]))
    return list(rounds.values())


def test_recorded_equal_sides_are_judged_as_scipy_judges_them(
    recorded: list[tuple[list[float], list[float]]],
) -> None:
    effects = [round_effect(base, candidate) for base, candidate in recorded]
    effect = effect_over_rounds(effects)
    theirs = stats.ttest_1samp(effects, 0)
    expected = theirs.confidence_interval(0.95)
    assert (effect.mean.low, effect.mean.high) == pytest.approx((expected.low, expected.high))
    flips = stats.permutation_test((effects,), np.mean, permutation_type="samples", vectorized=False)
    assert effect_over_rounds(effects, by="mean").test.p_two_sided == pytest.approx(flips.pvalue)
    assert effect.test.p_two_sided == pytest.approx(stats.wilcoxon(effects, method="exact").pvalue)
    # The tenth round, a third off, makes Student's interval too wide to say anything.
    assert verdict(effects, by="mean").outcome == "inconclusive"
    assert verdict(effects).outcome == "no difference"


def test_one_wild_round_moves_the_robust_estimate_less_than_the_mean(
    recorded: list[tuple[list[float], list[float]]],
) -> None:
    effects = [round_effect(base, candidate) for base, candidate in recorded]
    assert max(effects) > 0.3
    effect = effect_over_rounds(effects)
    calm = effect_over_rounds(sorted(effects)[:-1])
    assert abs(effect.robust.estimate - calm.mean.estimate) < 0.3 * abs(
        effect.mean.estimate - calm.mean.estimate
    )


def test_a_slow_down_put_into_recorded_slices_is_found_with_its_size(
    recorded: list[tuple[list[float], list[float]]],
) -> None:
    slowed = [round_effect(base, [rate / 1.2 for rate in candidate]) for base, candidate in recorded]
    found = verdict(slowed)
    assert found.outcome == "slower"
    assert found.effect is not None
    assert found.effect.ratio.contains(1 / 1.2)


def test_recorded_slices_of_a_round_are_alike(recorded: list[tuple[list[float], list[float]]]) -> None:
    logs = [list(np.log(base)) for base, _ in recorded]
    groups = [np.array(values) for values in logs]
    between, within = (
        np.var([group.mean() for group in groups], ddof=1) * 20,
        np.mean(np.var(groups, axis=1, ddof=1)),
    )
    f_test = stats.f_oneway(*groups).statistic
    assert between / within == pytest.approx(f_test)
    assert intraclass_correlation(logs) == pytest.approx((f_test - 1) / (f_test + 19))
