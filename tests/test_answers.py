"""From stored rows to an answer: what is chosen, what is marked, and what is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.answers import capacity, stored_answer, sweep, tune
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


def tried_at(rate: float, **values: Any) -> dict[str, Any]:
    """A round of a capacity's trial that holds, unless it is changed."""
    plain = {
        "rate_per_s": rate, "target_rate_per_s": rate, "sent": 5 * rate, "elapsed_s": 5.0,
        "latency_valid": True, "latency_reason": None, "latency_p99_us": 9000, "load_model": "open",
    }  # fmt: skip
    return row(**{**plain, **values})


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, None),
        ({"latency_p99_us": 20_000}, None),
        ({"latency_p99_us": 20_001}, "p99 was 20 ms"),
        ({"latency_p99_us": None}, "too few messages for a 99th percentile"),
        ({"status": "invalid", "reason": "3 lost of 9"}, "3 lost of 9"),
        ({"elapsed_s": 5.05}, None),
        ({"elapsed_s": 5.5, "rate_per_s": 909.0}, "a backlog grew: 90.9 % of the rate came through"),
        (
            {"elapsed_s": 5.5, "rate_per_s": 909.0, "broker_messages_end": 1450},
            "a backlog grew: 90.9 % of the rate came through, 1,450 messages waited in the broker",
        ),
        ({"latency_valid": False, "latency_reason": "it was late; so"}, None),
        (
            {"latency_valid": False, "latency_reason": "it was late; so", "latency_p99_us": 30_000},
            "p99 was 30 ms, but it was late",
        ),
    ],
)
def test_a_round_holds_a_rate_or_says_why_not(changed: dict[str, Any], why: str | None) -> None:
    assert capacity.round_fails(tried_at(1000.0, **changed), 20_000) == why


def test_most_rounds_of_a_trial_decide() -> None:
    good, bad = tried_at(1000.0), tried_at(1000.0, latency_p99_us=30_000)
    assert capacity.seen([good, good, bad], 20_000).holds
    assert not capacity.seen([good, bad], 20_000).holds


def test_a_capacity_says_what_holds_and_what_does_not() -> None:
    rows = [
        *(tried_at(1000.0, case=2, round=number) for number in (1, 2, 3)),
        *(tried_at(1030.0, case=3, round=number, latency_p99_us=31_000) for number in (1, 2, 3)),
    ]
    trials = [
        {"case": 2, "rate_per_s": 1000.0, "full": True},
        {"case": 3, "rate_per_s": 1030.0, "full": True},
    ]
    found = {"rate_per_s": 1000.0, "above_per_s": 1030.0, "best": [1000.0, 9000]}
    question = {"kind": "capacity", "p99_us": 20_000, "window_s": 5, "trials": trials, "found": found}
    answered = stored_answer({"question": question}, rows, [])
    assert answered is not None
    assert answered.settled
    assert [line["holds"] for line in answered.rows] == [True, False]
    (said,) = answered.sentences
    assert "holds 1,000 messages a second with p99 under 20 ms and no backlog at headline" in said
    assert "in 3 windows of 5 s or more p99 was 9 [9, 9] ms. It does not hold 1,030: p99 was 31 ms." in said


def windows(count: int, **by_window: Callable[[int], float]) -> list[dict[str, Any]]:
    plain = {"latency_p50_us": 500, "latency_p99_us": 900, "worker_rss_bytes": 30 << 20, "rate_per_s": 100.0}
    wrong = dict.fromkeys(("lost", "duplicated", "reordered", "corrupted"), 0)
    return [
        {
            "elapsed_s": 10.0, **wrong, **plain,
            **{name: value(number) for name, value in by_window.items()},
        }
        for number in range(count)
    ]  # fmt: skip


def soaked(slices: list[dict[str, Any]], **changed: Any) -> Any:
    done = tried_at(100.0, **{"schedule_kept": True, **changed})
    question = {"kind": "soak", "rate_per_s": 100.0, "drift": 0.5, "leak_bytes": 1 << 20}
    return stored_answer({"question": question}, [done], slices)


def test_a_soak_in_which_nothing_grows_passes() -> None:
    found = soaked(windows(60))
    assert (found.settled, found.failed) == (True, False)
    assert "ran for 600 s at 100 messages a second at headline" in found.sentences[0]
    assert [line["settled"] for line in found.rows].count(False) == 12


def test_what_happens_while_it_settles_is_in_no_slope() -> None:
    found = soaked(windows(60, worker_rss_bytes=lambda at: (10 + min(at, 12)) << 20))
    assert found.settled


@pytest.mark.parametrize(
    ("by_window", "changed", "said"),
    [
        ({"worker_rss_bytes": lambda at: (30 << 20) + at * 100_000}, {}, "memory of the worker (+4"),
        ({"latency_p50_us": lambda at: 500 + 20 * at}, {}, "drift of the median latency (+7"),
        ({}, {"schedule_kept": False, "rate_per_s": 90.0}, "rate (90 messages a second, 90.00 %)"),
        ({}, {"status": "invalid", "reason": "3 lost of 9"}, "errors (3 lost of 9)"),
    ],
)
def test_each_gate_of_a_soak_fails_by_itself(
    by_window: dict[str, Any], changed: dict[str, Any], said: str
) -> None:
    found = soaked(windows(60, **by_window), **changed)
    assert (found.settled, found.failed) == (False, True)
    assert f"and failed: {said}" in found.sentences[0]
    assert found.sentences[0].count(";") == 0


def test_a_soak_that_was_interrupted_cannot_be_judged() -> None:
    found = soaked(windows(60), status="invalid", reason="interrupted after 60 of 90 turns")
    assert (found.settled, found.failed) == (False, False)
    assert "and cannot be judged: errors (interrupted after 60 of 90 turns)" in found.sentences[0]


def test_a_soak_whose_latency_is_not_valid_cannot_be_judged() -> None:
    found = soaked(windows(60), latency_valid=False, latency_reason="it was late; so")
    assert (found.settled, found.failed) == (False, False)
    assert "and cannot be judged: drift of the median latency" in found.sentences[0]


def test_an_unknown_question_has_no_answer_here() -> None:
    assert stored_answer({"question": {"kind": "riddle"}}, [], []) is None
    assert stored_answer({}, [], []) is None


@pytest.mark.parametrize(
    ("field", "has_order"), [("prefetch", True), ("guarantee", False), ("persistent", False)]
)
def test_only_numbers_have_an_order(field: str, has_order: bool) -> None:
    assert sweep.ordered(field) is has_order
