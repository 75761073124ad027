"""From stored rows to an answer: what is chosen, what is marked, and what is said."""

from __future__ import annotations

from typing import Any

import pytest

from bench.answers import stored_answer, sweep, tune
from bench.schema import TRIAL_COLUMNS


def row(**values: Any) -> dict[str, Any]:
    plain = {
        "case": 1, "round": 1, "block": 1, "status": "valid", "scenario": "headline", "point": "",
        "client": "aio-pika", "client_version": "10.2.1", "loop": "asyncio", "guarantee": "at-least-once",
        "protocol": "amqp", "broker_kind": "rabbitmq", "broker_origin": "native", "broker_version": "4",
        "received": 1000, "lost": 0, "duplicated": 0, "reordered": 0, "corrupted": 0,
        "negative_latencies": 0, "stamped": True, "rate_per_s": 1000.0, "bottleneck": "client",
        "latency_p50_us": 500, "latency_p99_us": 900, "prefetch": 100, "in_flight": 50, "ack_every": 1,
        "payload_bytes": 1024,
    }  # fmt: skip
    return {column.name: values.get(column.name, plain.get(column.name)) for column in TRIAL_COLUMNS}


def swept(field: str, points: dict[int, tuple[float, float | None]], rounds: int = 2) -> Any:
    rows = [
        row(case=case, round=number, rate_per_s=rate, latency_p50_us=latency, **{field: value})
        for number in range(1, rounds + 1)
        for case, (value, (rate, latency)) in enumerate(points.items(), start=1)
    ]
    return stored_answer({"question": {"kind": "sweep", "field": field}}, rows, [])


def test_the_knee_of_a_sweep_is_marked_in_the_table_the_data_and_the_sentence() -> None:
    found = swept("in_flight", {1: (100, 10), 10: (900, 11), 100: (1000, 100)})
    assert [row["knee"] for row in found.rows] == [None, "inside", None]
    assert [line.cells[-1] for line in found.shown.rows] == ["", sweep.MARK, ""]
    (said,) = found.sentences
    assert "in_flight from 1 to 100: the knee is at in_flight=10, 900 messages a second" in said
    assert "All 2 rounds put it there." in said
    assert "The highest rate is 1,000 messages a second at in_flight=100" in said


def test_points_are_put_in_order_whatever_order_they_were_asked_in() -> None:
    found = swept("in_flight", {100: (1000, 100), 1: (100, 10), 10: (900, 11)})
    assert [row["knee"] for row in found.rows] == [None, None, "inside"]


def test_a_knee_at_an_end_of_the_sweep_may_lie_outside_of_it() -> None:
    assert "no knee up to in_flight=4" in swept("in_flight", {1: (1, 1), 2: (2, 1), 4: (4, 1)}).sentences[0]
    first = swept("in_flight", {1: (1, 1), 2: (1, 2), 4: (1, 4)}).sentences[0]
    assert "the knee is at in_flight=1 or below" in first


def test_of_payloads_the_bytes_count() -> None:
    found = swept("payload_bytes", {32: (1000, 10), 1024: (1000, 12), 65536: (20, 900)})
    assert [row["knee"] for row in found.rows] == [None, "inside", None]


def test_a_sweep_without_latency_has_no_knee_and_says_why() -> None:
    found = swept("payload_bytes", {8: (1000, None), 16: (900, None), 1024: (800, 12)})
    assert "A knee takes 3 points with a latency, and fewer are there." in found.sentences[0]


def test_rounds_that_disagree_about_the_knee_are_counted() -> None:
    rows = [
        row(case=case, round=number, rate_per_s=rate, latency_p50_us=10, in_flight=case)
        for number, rates in enumerate(((1, 3, 2), (1, 3, 2), (1, 2, 2.5)), start=1)
        for case, rate in enumerate(rates, start=1)
    ]
    facts = {"question": {"kind": "sweep", "field": "in_flight"}}
    found = stored_answer(facts, rows, [])
    assert found is not None
    assert "2 of 3 rounds put it there, all of them between 2 and 3." in found.sentences[0]


def tried(*settings: tuple[float, float], rounds: int = 8, noise: float = 0.0) -> list[tune.Tried]:
    """A stage whose cases have these rates and latencies, in 1,000 a second and us."""
    rows = [
        row(
            case=case, round=number, in_flight=case, latency_p50_us=latency,
            rate_per_s=1000 * rate * (1 + noise * (-1) ** (number + case)),
        )
        for number in range(1, rounds + 1)
        for case, (rate, latency) in enumerate(settings, start=1)
    ]  # fmt: skip
    return tune.tried(rows, range(1, len(settings) + 1))


def test_the_choice_has_the_lowest_latency_of_those_that_surely_have_95_percent() -> None:
    final = tried((10.0, 9000), (9.7, 300), (9.4, 100))
    assert final[0].settings == (100, 1, 1)
    assert tune.chosen(final).settings == (100, 2, 1)


def test_a_share_that_is_not_sure_is_not_chosen() -> None:
    final = tried((10.0, 9000), (9.6, 300), noise=0.05)
    assert tune.chosen(final).settings == (100, 1, 1)


def test_of_equal_latencies_the_smaller_settings_are_chosen() -> None:
    assert tune.chosen(tried((10.0, 300), (9.9, 300), (10.0, 300))).settings == (100, 1, 1)


def test_finalists_are_the_best_and_the_quickest_of_those_near_it() -> None:
    screened = tried(
        (10.0, 9000), (9.9, 100), (9.8, 200), (9.7, 300), (9.6, 400), (9.5, 500), (9.4, 600), (5, 1)
    )
    found = [one.settings[1] for one in tune.finalists(screened)]
    assert found == [1, 2, 3, 4, 5, 6]


def test_cases_of_different_blocks_meet_by_their_reference() -> None:
    """The machine was twice as fast in the second block: the third case only seems to be the best."""
    rows = [
        row(case=1, block=1, rate_per_s=1000), row(case=2, block=1, rate_per_s=1500, in_flight=2),
        row(case=1, block=2, rate_per_s=2000), row(case=3, block=2, rate_per_s=2400, in_flight=3),
    ]  # fmt: skip
    assert [one.case.case for one in tune.tried(rows, (1, 2, 3))] == [2, 3, 1]


def concluded(*settings: tuple[float, float], noise: float = 0.0) -> Any:
    rows = [
        row(
            case=case, round=number, in_flight=case, latency_p50_us=latency,
            rate_per_s=1000 * rate * (1 + noise * (-1) ** (number + case)),
        )
        for number in range(1, 9)
        for case, (rate, latency) in enumerate(settings, start=1)
    ]  # fmt: skip
    stages = [{"name": "confirm", "cases": [1, 2, 3], "chosen": [1], "own": 3}]
    facts = {"question": {"kind": "tune", "stages": stages}}
    return stored_answer(facts, rows, [])


def test_a_confirmed_choice_says_its_share_the_best_and_the_scenarios_own() -> None:
    found = concluded((9.8, 300), (10.0, 9000), (4.0, 500))
    assert found.settled
    (said,) = found.sentences
    assert "needs prefetch=100 in_flight=1 ack_every=1" in said
    assert "98 % [98.0, 98.0] of the best rate (prefetch=100 in_flight=2 ack_every=1: 10,000" in said
    assert "The scenario's own prefetch=100 in_flight=3 ack_every=1: 4,000" in said


def test_a_choice_that_fresh_rounds_do_not_bear_out_is_not_settled() -> None:
    found = concluded((9.6, 300), (10.0, 9000), (4.0, 500), noise=0.05)
    assert not found.settled
    assert "95 % of the best rate is not sure" in found.sentences[0]


def test_a_quicker_setting_that_is_not_surely_slower_is_named() -> None:
    final = tried((10.0, 9000), (9.6, 300), noise=0.05)
    assert "prefetch=100 in_flight=2 ack_every=1 may do as well (9" in tune._open(final, final[0])
    sure = tried((10.0, 9000), (8.0, 300))
    assert tune._open(sure, sure[0]) == ""


def test_an_unknown_question_has_no_answer_here() -> None:
    assert stored_answer({"question": {"kind": "riddle"}}, [], []) is None
    assert stored_answer({}, [], []) is None


@pytest.mark.parametrize(
    ("field", "has_order"), [("prefetch", True), ("guarantee", False), ("persistent", False)]
)
def test_only_numbers_have_an_order(field: str, has_order: bool) -> None:
    assert sweep.ordered(field) is has_order
