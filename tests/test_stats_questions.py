"""The knee, the search for the highest rate and growth: what they must find, on systems that are known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.growth import growth
from bench.stats.highest import STEP, Highest, Seen, Trial, highest
from bench.stats.knee import knee

LIMIT_US = 20_000.0
numbers = st.floats(min_value=1e-3, max_value=1e6)


# The knee


@given(points=st.lists(st.tuples(numbers, numbers), min_size=3, max_size=12), unit=st.floats(0.01, 100))
def test_the_knee_does_not_depend_on_units(points: list[tuple[float, float]], unit: float) -> None:
    gains, latencies = zip(*points, strict=True)
    one = knee(gains, latencies)
    other = knee([gain * unit for gain in gains], [latency * 7 for latency in latencies])
    assert other.powers[one.index] == pytest.approx(max(other.powers), rel=1e-9)


@given(points=st.lists(st.tuples(numbers, numbers), min_size=3, max_size=12), more=st.floats(1.001, 100))
def test_a_worse_point_at_either_end_moves_no_knee(points: list[tuple[float, float]], more: float) -> None:
    gains, latencies = map(list, zip(*points, strict=True))
    one = knee(gains, latencies)
    gain, latency = gains[one.index], latencies[one.index] * more
    wider = knee([gain, *gains, gain], [latency, *latencies, latency])
    assert wider.index == one.index + 1
    assert wider.place == "inside"


@given(service_per_s=st.floats(100, 1e5))
def test_the_knee_of_a_queue_with_random_arrivals_is_at_half_its_capacity(service_per_s: float) -> None:
    """Kleinrock's result for M/M/1, whose latency is 1 / (service - arrival)."""
    rates = [service_per_s * share for share in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)]
    found = knee(rates, [1 / (service_per_s - rate) for rate in rates])
    assert (found.index, found.place) == (4, "inside")


@given(capacity=st.sampled_from((8, 16, 64, 128)))
def test_the_knee_of_a_window_is_where_it_fills_the_pipe(capacity: int) -> None:
    windows = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
    rates = [min(window, capacity) / 0.001 for window in windows]
    latencies = [0.001 * max(1, window / capacity) for window in windows]
    assert windows[knee(rates, latencies).index] == capacity


def test_a_knee_at_an_end_says_so() -> None:
    assert knee([1, 2, 3], [1, 1, 1]).place == "last"
    assert knee([1, 1, 1], [1, 2, 3]).place == "first"


@pytest.mark.parametrize(
    ("gains", "latencies"), [([1, 2], [1, 2]), ([1, 2, 0], [1, 1, 1]), ([1] * 3, [1] * 4)]
)
def test_what_is_no_curve_has_no_knee(gains: list[float], latencies: list[float]) -> None:
    with pytest.raises(ValueError, match=r"must be|each point"):
        knee(gains, latencies)


# The search for the highest rate


def searched(start: float, answer: Callable[[Trial], Seen], **bounds: float) -> tuple[Highest, list[Trial]]:
    search, trials = highest(start, **bounds), []
    trial = next(search)
    while True:
        trials.append(trial)
        try:
            trial = search.send(answer(trial))
        except StopIteration as ended:
            found: Highest = ended.value
            return found, trials


def queue(limit: float, noise: float, seed: int) -> Callable[[Trial], Seen]:
    """A system that holds up to ``limit``, give or take ``noise``, where each seventh trial is disturbed."""
    draw, count = random.Random(seed), 0

    def answer(trial: Trial) -> Seen:
        nonlocal count
        count += 1
        spread = noise / 3 if trial.full else noise
        holds = trial.rate_per_s <= limit * draw.uniform(1 - spread, 1 + spread)
        if not trial.full and count % 7 == 0:
            holds = False
        return Seen(holds=holds, latency_us=LIMIT_US * trial.rate_per_s / limit)

    return answer


@settings(max_examples=200)
@given(limit=st.floats(2, 1e6), guess=st.floats(0.02, 50), seed=st.integers(0, 10**6))
def test_the_search_ends_a_step_below_the_limit_wherever_it_began(
    limit: float, guess: float, seed: int
) -> None:
    start = min(1e7, max(1.0, limit * guess))
    found, trials = searched(start, queue(limit, 0.02, seed))
    assert found.rate_per_s is not None
    assert limit / (1 + STEP) * 0.985 <= found.rate_per_s <= limit * 1.01
    assert found.above_per_s is not None
    assert found.rate_per_s < found.above_per_s <= found.rate_per_s * (1 + STEP) * 1.01
    assert len(trials) < 60


@settings(max_examples=200)
@given(
    limit=st.floats(2, 1e6),
    guesses=st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)),
    seeds=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)),
)
def test_the_same_system_twice_is_within_five_percent(
    limit: float, guesses: tuple[float, float], seeds: tuple[int, int]
) -> None:
    first, second = (
        searched(max(1.0, limit * guess), queue(limit, 0.02, seed))[0].rate_per_s
        for guess, seed in zip(guesses, seeds, strict=True)
    )
    assert first is not None
    assert second is not None
    assert abs(first - second) <= 0.05 * max(first, second)


def waiting_line(service_per_s: float, noise: float, seed: int) -> Callable[[Trial], Seen]:
    """M/M/1, whose p99 is log(100) / (service - arrival), as measured: each window finds a service rate of
    its own, which one in twenty has a fifth of taken away; five windows are a full trial, and most must hold.
    """
    draw = random.Random(seed)

    def window_us(rate_per_s: float) -> float:
        able = service_per_s * draw.gauss(1, noise) * (0.8 if draw.random() < 0.05 else 1.0)
        return 1e6 * math.log(100) / (able - rate_per_s) if able > rate_per_s else 1e9

    def answer(trial: Trial) -> Seen:
        windows = [window_us(trial.rate_per_s) for _ in range(5 if trial.full else 1)]
        held = sum(window <= LIMIT_US for window in windows)
        return Seen(holds=held > len(windows) / 2, latency_us=median(windows))

    return answer


@pytest.mark.parametrize("service_per_s", [1000, 5000, 50_000])
@pytest.mark.parametrize(("noise", "agreeing"), [(0.01, 100), (0.02, 95)])
def test_a_measured_waiting_line_is_found_again_within_five_percent(
    service_per_s: float, noise: float, agreeing: int
) -> None:
    """Of a hundred pairs of searches, which begin anywhere between a quarter and all of the capacity."""
    found = []
    for seed in range(200):
        start = service_per_s * random.Random(seed).uniform(0.25, 1.0)
        rate = searched(start, waiting_line(service_per_s, noise, seed))[0].rate_per_s
        assert rate is not None
        found.append(rate)
    pairs = zip(found[::2], found[1::2], strict=True)
    assert sum(abs(one - other) <= 0.05 * max(one, other) for one, other in pairs) >= agreeing
    limit = service_per_s - math.log(100) / (LIMIT_US / 1e6)
    assert median(found) == pytest.approx(limit, rel=0.03)


@given(limit=st.floats(10, 1e5), low=st.floats(0.3, 0.9))
def test_a_full_trial_that_disagrees_with_the_short_ones_decides(limit: float, low: float) -> None:
    """What a short trial cannot see, such as a backlog that grows slowly."""

    def answer(trial: Trial) -> Seen:
        ends = limit * max(low, 0.75) if trial.full else limit
        return Seen(holds=trial.rate_per_s <= ends, latency_us=1.0)

    found, _ = searched(limit, answer)
    assert found.rate_per_s is not None
    assert limit * max(low, 0.75) / 1.04 <= found.rate_per_s <= limit * max(low, 0.75)


def test_where_nothing_holds_it_says_the_best_that_was_seen() -> None:
    found, trials = searched(1000, lambda trial: Seen(holds=False, latency_us=30_000 + trial.rate_per_s))
    assert found.rate_per_s is None
    assert found.best == (1.0, 30_001.0)
    assert max(trial.rate_per_s for trial in trials) == 1000


def test_where_everything_holds_it_ends_at_the_most_and_knows_no_limit() -> None:
    found, _ = searched(1000, lambda _: Seen(holds=True, latency_us=1.0), most_per_s=5000)
    assert (found.rate_per_s, found.above_per_s) == (5000, None)


@pytest.mark.parametrize("start", [0, -1, 1e9, float("nan")])
def test_a_search_from_outside_its_bounds_is_refused(start: float) -> None:
    with pytest.raises(ValueError, match="the first rate must lie between"):
        highest(start)


# Growth


@given(slope=st.floats(-1e3, 1e3), start=st.floats(-1e3, 1e3), count=st.integers(5, 60))
def test_a_line_has_its_own_slope(slope: float, start: float, count: int) -> None:
    found = growth(range(count), [start + slope * x for x in range(count)])
    assert found.slope.estimate == pytest.approx(slope, rel=1e-6, abs=1e-6)
    assert found.change.estimate == pytest.approx(slope * (count - 1), rel=1e-6, abs=1e-4)


@given(unit=st.floats(0.1, 10), seed=st.integers(0, 1000))
def test_growth_follows_the_unit_of_time(unit: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=40)
    one = growth(range(40), values)
    other = growth([x * unit for x in range(40)], values)
    assert other.slope.estimate == pytest.approx(one.slope.estimate / unit, rel=1e-6, abs=1e-12)
    assert other.change.high == pytest.approx(one.change.high, rel=1e-6, abs=1e-9)


def test_samples_that_are_like_their_neighbours_are_not_taken_for_growth() -> None:
    """With a plain regression through such samples half of the intervals miss 0; 5 % of these should."""
    missed = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        values = [0.0]
        for step in draw.normal(size=599):
            values.append(0.9 * values[-1] + float(step))
        missed += not growth(range(600), values).slope.contains(0.0)
    assert missed <= 30


def test_a_leak_under_noise_is_seen() -> None:
    draw = np.random.default_rng(1)
    found = growth(range(120), [100 + 0.5 * x + float(draw.normal()) for x in range(120)])
    assert found.slope.low > 0.4
    assert found.slope.contains(0.5)


@pytest.mark.parametrize(
    ("times", "values", "message"),
    [
        ([1, 2, 3], [1, 2, 3], "times must be at least 5"),
        ([1, 2, 3, 4, 4], [1] * 5, "times must rise"),
        ([1, 2, 3, 4, 5], [1] * 6, "each value has a time"),
    ],
)
def test_what_has_no_slope_is_refused(times: list[float], values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        growth(times, values)
