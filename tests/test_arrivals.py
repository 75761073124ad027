"""Schedules and arrivals: what is due when, without a broker or a clock."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.arrivals import Schedule, Step, due_ns, owners
from bench.errors import ScenarioError

RATES = st.floats(0.01, 1e5)
STEPS = st.builds(Step, first_per_s=RATES, last_per_s=RATES, time_s=st.floats(0.01, 1e4))
SCHEDULES = st.lists(STEPS, min_size=1, max_size=5).map(lambda steps: Schedule(tuple(steps)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "step 1 of the schedule '' is a hole: it is empty"),
        ("5:1s++9:1s", "step 2 of the schedule '5:1s++9:1s' is a hole: it is empty"),
        ("5:1s+", "step 2 of the schedule '5:1s+' is a hole"),
        ("0:1s", "step 1 of the schedule is a hole (0:1s): every rate and every time must be more than 0"),
        ("9:1s+0-9:1s", "step 2 of the schedule is a hole (0-9:1s)"),
        ("5:0s", "step 1 of the schedule is a hole (5:0s)"),
        ("5", "step 1 of the schedule '5' is not understood; a schedule is RATE:TIME or RATE-RATE:TIME"),
        ("5:1", "step 1 of the schedule '5:1' is not understood"),
        ("-5:1s", "step 1 of the schedule '-5:1s' is not understood"),
        ("5:1h", "step 1 of the schedule '5:1h' is not understood"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_one_sentence(text: str, problem: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        Schedule.parse(text)
    assert problem in str(caught.value)


@given(SCHEDULES)
def test_a_schedule_is_read_as_it_is_written(schedule: Schedule) -> None:
    again = Schedule.parse(str(schedule))
    assert str(again) == str(schedule)
    assert again.time_s == pytest.approx(schedule.time_s)


def test_a_level_rate_has_a_message_after_each_gap() -> None:
    assert list(due_ns(Schedule.level(4, 1.0), "constant", 4, 0)) == [250e6, 500e6, 750e6, 1000e6]


def test_steps_follow_each_other_without_a_gap() -> None:
    schedule = Schedule.parse("2:1s+10:500ms")
    assert schedule.messages == 7
    assert list(due_ns(schedule, "constant", 7, 0)) == [
        500e6,
        1000e6,
        *(1000e6 + 100e6 * number for number in range(1, 6)),
    ]


@given(STEPS)
def test_in_a_ramp_as_many_messages_are_due_as_the_area_under_it_says(step: Step) -> None:
    for share in (0.0, 0.1, 0.5, 0.9, 1.0):
        time_s = step.time_s * share
        rate = step.first_per_s + (step.last_per_s - step.first_per_s) * share
        due = (step.first_per_s + rate) / 2 * time_s
        assert step.time_of(due) == pytest.approx(time_s, rel=1e-6, abs=1e-9)


@given(SCHEDULES, st.integers(1, 300))
def test_times_rise_and_go_on_after_the_end(schedule: Schedule, count: int) -> None:
    times = list(schedule.times_s(range(1, count + 1)))
    assert times == sorted(times)
    assert all(0 < time_s < math.inf for time_s in times)


@pytest.mark.parametrize("rate_per_s", [1.0, 100.0, 5000.0])
def test_poisson_arrivals_have_exponential_gaps(rate_per_s: float) -> None:
    due = np.array(due_ns(Schedule.level(rate_per_s, 1.0), "poisson", 20_000, seed=7)) / 1e9
    gaps = np.diff(due, prepend=0.0)
    assert stats.kstest(gaps, stats.expon(scale=1 / rate_per_s).cdf).pvalue > 0.01


def test_a_constant_rate_is_no_poisson_process() -> None:
    gaps = np.diff(np.array(due_ns(Schedule.level(100, 1.0), "constant", 2000, seed=7)) / 1e9)
    assert stats.kstest(gaps, stats.expon(scale=0.01).cdf).pvalue < 1e-6


def test_each_of_several_producers_has_poisson_arrivals_of_its_own() -> None:
    count = 20_000
    due = np.array(due_ns(Schedule.level(1000, 1.0), "poisson", count, seed=3)) / 1e9
    whose = np.array(list(owners(count, 4, "poisson", seed=3)))
    for producer in range(4):
        gaps = np.diff(due[whose == producer])
        assert stats.kstest(gaps, stats.expon(scale=1 / 250).cdf).pvalue > 0.01


def test_poisson_arrivals_follow_a_ramp() -> None:
    """Half of what is due in a ramp from next to nothing is due in its last 29 %."""
    schedule = Schedule.parse("1-1999:20s")
    due = np.array(due_ns(schedule, "poisson", schedule.messages, seed=5)) / 1e9
    middle_s = next(schedule.times_s((schedule.messages / 2,)))
    assert middle_s == pytest.approx(20 / math.sqrt(2), rel=0.01)
    share = float(np.mean(due < middle_s))
    assert abs(share - 0.5) < 4 * 0.5 / math.sqrt(len(due))


def test_the_same_seed_gives_the_same_arrivals_and_another_others() -> None:
    schedule = Schedule.level(100, 1.0)
    assert due_ns(schedule, "poisson", 50, 1) == due_ns(schedule, "poisson", 50, 1)
    assert due_ns(schedule, "poisson", 50, 1) != due_ns(schedule, "poisson", 50, 2)


@given(st.integers(1, 500), st.integers(1, 20))
def test_constant_arrivals_are_dealt_in_turn(count: int, producers: int) -> None:
    whose = list(owners(count, producers, "constant", 0))
    assert max(map(whose.count, range(producers))) - min(map(whose.count, range(producers))) <= 1
