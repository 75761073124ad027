"""What a pilot leads to: enough rounds for what was asked, never more than the time allows."""

from __future__ import annotations

from typing import Any

import pytest

from bench import pilot
from bench.comparison import rounds_needed
from bench.errors import UsageError


def shown(**values: Any) -> pilot.Pilot:
    plain: dict[str, Any] = {
        "effects": ((0.01, -0.02, 0.015),), "within": 0.01, "round_cost_s": 2.0, "slice_cost_s": 0.2,
        "slices": 10,
    }  # fmt: skip
    return pilot.Pilot(**{**plain, **values})


def test_a_budget_is_filled_and_not_exceeded() -> None:
    one = shown()
    for budget_s in (30.0, 48.0, 300.0):
        shape = pilot.for_budget(one, budget_s)
        cost_s = one.cost_s(shape.rounds, shape.slices)
        assert cost_s <= budget_s < cost_s + one.cost_s(1, shape.slices)
        assert shape.rounds >= one.needed == 8


def test_a_budget_without_room_for_a_verdict_is_refused_with_what_it_takes() -> None:
    with pytest.raises(UsageError, match="a verdict needs 8 rounds, about 24 s here, and 20 s are left"):
        pilot.for_budget(shown(), 20.0)


def test_slices_give_way_before_rounds_do() -> None:
    roomy = pilot.for_budget(shown(within=0.1), 300.0)
    tight = pilot.for_budget(shown(within=0.1), 30.0)
    assert tight.slices < roomy.slices
    assert tight.rounds >= 8


def test_rounds_that_differ_more_than_their_slices_get_fewer_slices() -> None:
    loud = pilot.for_budget(shown(effects=((0.1, -0.1, 0.12),)), 300.0)
    quiet = pilot.for_budget(shown(effects=((0.001, -0.001, 0.002),)), 300.0)
    assert loud.slices < quiet.slices


def test_a_finer_precision_takes_more_rounds_and_the_widest_cell_decides() -> None:
    coarse, fine = (pilot.for_precision(shown(), share) for share in (0.05, 0.02))
    assert coarse.rounds < fine.rounds
    both = pilot.for_precision(shown(effects=((0.001, 0.002, 0.001), (0.01, -0.02, 0.015))), 0.02)
    assert both.rounds == fine.rounds
    assert "for an interval of 2.00% to either side" in fine.why


def test_a_precision_that_is_had_at_once_still_gets_the_rounds_of_a_verdict() -> None:
    quiet = ((0.0001, 0.0002, 0.0001),)
    assert pilot.for_precision(shown(effects=quiet), 0.5).rounds == rounds_needed(1) == 8
    assert pilot.for_precision(shown(effects=quiet * 6), 0.5).rounds == rounds_needed(6) == 11


def test_a_precision_out_of_reach_is_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"0\.10% cannot be reached: .* more than 10,000 rounds"):
        pilot.for_precision(shown(effects=((0.5, -0.5, 0.1),)), 0.001)
