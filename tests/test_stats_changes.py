"""Change points: found where there are some, and hardly ever where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.stats.changes import FEWEST_RUNS, SHORTEST, change_points


@pytest.mark.parametrize("at", [4, 10, 15])
def test_a_step_is_found_where_it_is_with_its_size(at: int) -> None:
    values = np.random.default_rng(1).normal(0, 0.01, 20)
    values[at:] -= 0.1
    (change,) = change_points(values)
    assert change.index == at
    assert change.difference.estimate == pytest.approx(-0.1, abs=0.02)
    assert change.difference.contains(-0.1)


def test_two_steps_are_two_changes() -> None:
    values = np.random.default_rng(2).normal(0, 0.01, 30)
    values[10:20] += 0.2
    assert {10, 20} <= {change.index for change in change_points(values)}


def test_a_single_run_that_is_off_is_no_new_level() -> None:
    values = np.random.default_rng(3).normal(0, 0.01, 20)
    values[9] += 0.3
    assert change_points(values) == []


def test_a_step_smaller_than_asked_for_is_left_out() -> None:
    values = np.random.default_rng(4).normal(0, 0.001, 20)
    values[10:] += 0.008
    assert len(change_points(values)) == 1
    assert change_points(values, least=0.01) == []


def test_series_without_a_change_hardly_ever_get_one() -> None:
    random = np.random.default_rng(5)
    alarms = sum(
        bool(change_points(random.normal(0, 0.02, size))) for size in (8, 12, 20) for _ in range(100)
    )
    assert stats.binomtest(alarms, 300, 0.03, alternative="greater").pvalue > 0.001


@settings(max_examples=50)
@given(st.lists(st.floats(-10, 10), max_size=25))
def test_levels_are_long_enough_and_in_order(values: list[float]) -> None:
    places = [0, *(change.index for change in change_points(values)), len(values)]
    assert len(values) >= FEWEST_RUNS or len(places) == 2
    if len(places) > 2:
        assert min(np.diff(places)) >= SHORTEST


def test_a_constant_series_has_no_change() -> None:
    assert change_points([5.0] * 12) == []
