"""Fairness: even is 1, one of n alone is 1/n, and everything else lies between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.trial.fairness import columns, jain

AMOUNTS = st.lists(st.floats(0, 1e12), min_size=1, max_size=30).filter(lambda amounts: max(amounts) > 0)


@given(st.integers(1, 50), st.floats(1e-6, 1e12))
def test_the_same_for_all_is_one(count: int, amount: float) -> None:
    assert jain([amount] * count) == pytest.approx(1.0)


@given(st.integers(1, 50), st.floats(1e-6, 1e12))
def test_everything_for_one_of_several_is_one_over_their_number(count: int, amount: float) -> None:
    assert jain([amount, *[0.0] * (count - 1)]) == pytest.approx(1 / count)


@given(AMOUNTS, st.floats(1e-3, 1e3))
def test_the_index_lies_between_and_does_not_depend_on_the_unit(amounts: list[float], unit: float) -> None:
    index = jain(amounts)
    assert 1 / len(amounts) - 1e-9 <= index <= 1 + 1e-9
    assert jain([amount * unit for amount in amounts]) == pytest.approx(index)


def test_the_published_example_holds() -> None:
    """One has twice what the other has: (1 + 2)^2 / (2 * (1 + 4))."""
    assert jain([1, 2]) == pytest.approx(0.9)


@pytest.mark.parametrize("amounts", [[], [0, 0], [-1, 2]])
def test_nothing_cannot_be_shared(amounts: list[float]) -> None:
    with pytest.raises(ValueError, match="fairness is of amounts"):
        jain(amounts)


def test_turns_are_added_up_before_they_are_compared() -> None:
    assert columns("consumer", [[10, 0], [0, 10]]) == {
        "consumer_fairness": 1.0,
        "consumer_smallest_share": 0.5,
        "consumer_largest_share": 0.5,
    }


@pytest.mark.parametrize("turns", [[], [[5]], [()], [[0, 0]]])
def test_without_several_sides_there_is_no_share(turns: list[list[float]]) -> None:
    assert set(columns("producer", turns).values()) == {None}
