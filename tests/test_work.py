"""What counted rows come to: medians, ratios, verdicts, and where the work grew."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sides import Arms
from bench.work import MARGIN, compare, grown, judged, summarise

ratios = st.floats(0.5, 2.0)
spreads = st.floats(0.0, 0.2)
ARMS = Arms(differ="client", base="aio-pika", candidate="aio-pika==9.6.2", pairs=((1, 2),))


def row(case: int, middle: float, spread: float = 0.0, **other: Any) -> dict[str, Any]:
    return {
        "case": case,
        "round": 1,
        "status": "valid",
        "reason": None,
        "scenario": "headline",
        "point": None,
        "client": "aio-pika",
        "client_version": f"9.{case}",
        "loop": "asyncio",
        "loop_version": "3.11.7",
        "python_version": "3.11.7",
        "meter": "instructions",
        "received": 100,
        "instructions_per_message": middle,
        "instructions_low_per_message": middle - spread,
        "instructions_high_per_message": middle + spread,
        "instructions_repeats": 3,
        **other,
    }


@given(ratios, spreads)
def test_a_verdict_mirrors_when_the_sides_are_swapped(ratio: float, spread: float) -> None:
    swapped = {"more work": "less work", "less work": "more work"}
    low, high = ratio * (1 - spread), ratio * (1 + spread)
    if min(abs(abs(ratio - 1) - MARGIN), abs(abs(1 / ratio - 1) - MARGIN)) < 1e-3:
        return  # a share of the one side is not quite the same share of the other
    outcome, _ = judged(ratio, low, high)
    mirrored, _ = judged(1 / ratio, 1 / high, 1 / low)
    if "same work" not in (outcome, mirrored) and "inconclusive" not in (outcome, mirrored):
        assert mirrored == swapped[outcome]


@given(ratios, spreads)
def test_more_or_less_work_is_never_said_of_repeats_that_reach_to_the_other_side(
    ratio: float, spread: float
) -> None:
    low, high = ratio * (1 - spread), ratio * (1 + spread)
    outcome, _ = judged(ratio, low, high)
    assert outcome != "more work" or low > 1
    assert outcome != "less work" or high < 1
    assert outcome != "same work" or (abs(ratio - 1) <= MARGIN and high <= 1 + 2 * MARGIN)


def test_a_percent_more_is_seen_and_a_tenth_of_a_percent_is_the_same() -> None:
    (cell,) = compare(ARMS, [row(1, 1_000_000, 1000), row(2, 1_010_000, 1000)])
    assert (cell.outcome, cell.base, cell.candidate) == ("more work", "aio-pika 9.1", "aio-pika 9.2")
    assert cell.ratio == pytest.approx(1.01)
    assert cell.place == "headline on asyncio"
    assert cell.decided
    (cell,) = compare(ARMS, [row(1, 1_000_000, 1000), row(2, 1_001_000, 1000)])
    assert cell.outcome == "same work"
    (cell,) = compare(ARMS, [row(1, 1_000_000, 20_000), row(2, 1_010_000, 20_000)])
    assert cell.outcome == "inconclusive"
    assert not cell.decided


def test_an_invalid_side_has_no_verdict_whatever_was_counted() -> None:
    (cell,) = compare(
        ARMS, [row(1, 1e6), row(2, 1e6), row(2, 1e6, status="invalid", reason="3 lost", round=2)]
    )
    assert (cell.outcome, cell.reason) == ("invalid", "the candidate was invalid in round 2: 3 lost")
    (cell,) = compare(ARMS, [row(1, 1e6)])
    assert (cell.outcome, cell.reason) == ("invalid", "the candidate was not measured")


def test_a_case_is_summed_up_over_its_rounds_and_against_the_first() -> None:
    first, second = summarise([row(1, 100.0, 1.0), row(1, 104.0, 1.0, round=2), row(2, 204.0)])
    assert (first.instructions_per_message, first.repeats, first.received) == (102.0, 6, 200)
    assert (first.instructions_low_per_message, first.instructions_high_per_message) == (99.0, 105.0)
    assert (first.versus, second.versus) == (1.0, 2.0)
    assert first.spread == pytest.approx(6 / 102)


def test_what_grew_is_named_with_its_part_of_the_whole_and_what_shrank_is_not() -> None:
    def function(case: int, language: str, name: str, count: float) -> dict[str, Any]:
        return {"case": case, "language": language, "function": name, "per_message": count}

    profile = [
        function(1, "Python", "a.same", 50.0),
        function(1, "Python", "a.grew", 50.0),
        function(2, "Python", "a.same", 50.0),
        function(2, "Python", "a.grew", 60.0),
        function(2, "Python", "a.new", 5.0),
        function(1, "C", "shrank", 1000.0),
        function(2, "C", "shrank", 900.0),
    ]
    found = grown(profile, (1, 2))
    assert [(one.function, one.share) for one in found] == [("a.grew", 0.1), ("a.new", 0.05)]
    assert grown([], (1, 2)) == []
