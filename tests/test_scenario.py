"""Scenarios: validated once, every problem in one message, JSON both ways."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import Handler, Mix, Scenario, Schedule
from bench.errors import ScenarioError, UnknownNameError


def test_every_problem_is_in_one_message() -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario(consumers=0, prefetch=-5, guarantee="exactly-once", warmup_s=0.0)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "guarantee must be at-most-once or at-least-once, got 'exactly-once'; "
        "consumers must be at least 1, got 0; prefetch must be at least 1, got -5; "
        "warmup_s must be more than 0 seconds, got 0.0"
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"producers": "two"}, "producers must be a whole number, got 'two'"),
        ({"producers": 1.5}, "producers must be a whole number, got 1.5"),
        ({"producers": True}, "producers must be a whole number, got True"),
        ({"persistent": 1}, "persistent must be true or false, got 1"),
        ({"handler": "none"}, "handler must be a Handler, got 'none'"),
        ({"payload_bytes": -1}, "payload_bytes must be at least 0, got -1"),
        ({"measure_s": float("inf")}, "measure_s must be more than 0 seconds, got inf"),
        ({"queues": 2}, "queues must be at most producers (1) and consumers (1), got 2"),
        ({"partitions": 0}, "partitions must be at least 1, got 0"),
        ({"replication": 0}, "replication must be at least 1, got 0"),
        ({"queue_type": "log"}, "queue_type must be classic or quorum or stream, got 'log'"),
        ({"delivery": "poll"}, "delivery must be push or pull, got 'poll'"),
        ({"queue_type": "quorum"}, "persistent must be true with queue_type quorum, got false"),
        *(
            ({"queue_type": "stream", **values}, message)
            for values, message in (
                ({}, "persistent must be true with queue_type stream, got false"),
                ({"guarantee": "at-most-once"}, "queue_type stream needs guarantee=at-least-once"),
                ({"consumers": 2}, r"consumers must be as many as queues (1) with queue_type stream, got 2"),
                ({"fan_out": True, "consumers": 3}, "each consumer of a stream gets all of it"),
                ({"measure": "consume"}, "queue_type stream is measured end-to-end, not consume"),
                ({"delivery": "pull"}, "queue_type stream goes without delivery=pull"),
                ({"requeue_every": 10}, "queue_type stream goes without requeue_every"),
                ({"replication": 3}, "replication must be 1 with queue_type stream, got 3"),
            )
        ),
        ({"queue_type": "classic", "replication": 3}, "replication must be 1 with queue_type classic, got 3"),
        (
            {"partitions": 2, "consumers": 3},
            "partitions must be at least the consumers of a queue (3), got 2",
        ),
        ({"ack_every": 101}, "ack_every must be at most prefetch (100), got 101"),
        (
            {"ack_every": 2, "handler": Handler("sleep", 1.0)},
            "ack_every must be 1 with handler sleep:1us, got 2",
        ),
        ({"rate_per_s": 0}, "rate_per_s must be more than 0 messages a second, got 0"),
        ({"rate_per_s": -1.0}, "rate_per_s must be more than 0 messages a second, got -1.0"),
        ({"rate_per_s": True}, "rate_per_s must be a number, got True"),
        ({"payload_mix": "100"}, "payload_mix must be a Mix, got '100'"),
        (
            {"payload_mix": Mix.parse("100:1+300:3"), "payload_bytes": 32},
            "payload_bytes (32) and payload_mix (100:1+300:3) both say how large: give one of them",
        ),
        ({"schedule": "5:1s"}, "schedule must be a Schedule, got '5:1s'"),
        (
            {"rate_per_s": 5, "schedule": Schedule.parse("5:1s")},
            "rate_per_s (5) and schedule (5:1s) both say how fast: give one of them",
        ),
        ({"arrivals": "poisson"}, "arrivals=poisson needs a rate: give rate_per_s or schedule"),
        ({"arrivals": "random"}, "arrivals must be constant or poisson, got 'random'"),
        ({"rate_per_s": 5, "measure": "publish"}, "a load that is open is measured end-to-end, not publish"),
        ({"rate_per_s": 5, "payload_bytes": 31}, "needs payload_bytes of at least 32"),
        ({"churn": True, "rate_per_s": 5}, "churn needs a load that is closed, not open"),
        ({"churn": True, "guarantee": "at-most-once"}, "churn needs guarantee=at-least-once"),
        (
            {"churn": True, "measure": "consume"},
            "churn is of producers, and measure=consume does not time them",
        ),
        ({"fan_out": True, "queues": 2, "producers": 2, "consumers": 2}, "queues must be 1, got 2"),
        ({"fan_out": True, "max_outstanding": 90}, "fan_out goes without max_outstanding (90)"),
        ({"fan_out": True, "churn": True}, "fan_out is sent over lasting connections, without churn"),
        ({"fan_out": True, "measure": "publish"}, "fan_out is measured end-to-end, not publish"),
        ({"topics": 0}, "topics must be at least 1, got 0"),
        ({"topics": 2, "churn": True}, "topics are gone round by a producer that stays"),
        ({"topics": 2, "partitions": 3}, "topics (2) and partitions (3) both divide a queue"),
        (
            {"request_reply": True, "max_outstanding": 99},
            "request_reply goes without max_outstanding (99): each of producers x in_flight callers has one",
        ),
        (
            {"request_reply": True, "fan_out": True},
            "request_reply is one question to one consumer, over lasting connections: no fan_out, no churn",
        ),
        ({"request_reply": True, "measure": "publish"}, "request_reply is measured end-to-end, not publish"),
        ({"request_reply": True, "ack_every": 2}, "ack_every must be 1 with request_reply, got 2"),
        (
            {"request_reply": True, "payload_bytes": 31},
            "request_reply needs payload_bytes of at least 32, which hold whose request it is, got 31",
        ),
        ({"requeue_every": 0}, "requeue_every must be at least 1, got 0"),
        ({"requeue_every": 5, "guarantee": "at-most-once"}, "requeue_every needs guarantee=at-least-once"),
        ({"requeue_every": 5, "ack_every": 2}, "judges each message by itself: ack_every must be 1, got 2"),
        ({"requeue_every": 5, "fan_out": True}, "of consumers that share queues, without fan_out"),
        ({"requeue_every": 5, "handler": Handler("cpu", 1.0)}, "handler must be none, got cpu:1us"),
        ({"requeue_every": 5, "measure": "publish"}, "of consumers, and measure=publish does not time"),
        ({"requeue_every": 5, "delivery": "pull"}, "requeue_every goes without delivery=pull"),
        ({"requeue_every": 5, "payload_bytes": 31}, "requeue_every needs payload_bytes of at least 32"),
        ({"requeue_every": 5, "request_reply": True}, "requeue_every is of messages that nobody answers"),
        ({"producers": 10**6}, "producers must be at most 10,000, got 1,000,000"),
        ({"in_flight": 10**9}, "in_flight must be at most 100,000, got 1,000,000,000"),
        (
            {"requeue_every": 10**400},
            "requeue_every must be at most 1,000,000,000, got a number of 401 digits",
        ),
        ({"measure_s": 1e300}, "measure_s must be at most 2,592,000 seconds (30 days), got 1e+300"),
        ({"payload_bytes": 10**11}, "must be at most 268,435,456 (256 MiB), got 100,000,000,000"),
        ({"payload_mix": Mix.parse("32-257MiB")}, "a size of payload_mix must be at most 268,435,456"),
        ({"rate_per_s": 1e-300}, "rate_per_s must be at least 0.001, got 1e-300"),
        ({"producers": 1000, "in_flight": 1000}, "producers x in_flight must be at most 100,000, got"),
        ({"payload_bytes": 2**28, "in_flight": 65}, "bodies must be at most 16 GiB together, got 65 of 268"),
        ({"handler": Handler.parse("cpu:61s")}, "handler must take at most 60 s, got cpu:61000000us"),
        ({"schedule": Schedule.parse("1:43201m")}, "schedule must take at most 2,592,000 s (30 days), got"),
        ({"max_outstanding": 0}, "max_outstanding must be at least 1, got 0"),
        (
            {"max_outstanding": 99, "producers": 2},
            "max_outstanding must be at least producers x in_flight (100), got 99",
        ),
    ],
)
def test_a_field_that_makes_no_sense_is_named_with_its_value(values: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario(**values)  # type: ignore[arg-type]
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {"producers": 1000, "consumers": 1000, "queues": 1000},
        {"in_flight": 50_000, "prefetch": 50_000},
        {"payload_bytes": 2**28},
        {"measure_s": 30 * 86_400.0},
    ],
)
def test_what_is_large_and_can_be_measured_is_allowed(values: dict[str, Any]) -> None:
    assert Scenario(**values).to_json().items() >= values.items()


def test_a_scenario_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Scenario().producers = 2  # type: ignore[misc]


def test_an_unknown_field_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="no scenario field 'prefech'; did you mean 'prefetch'"):
        Scenario().with_fields({"prefech": 1})


@pytest.mark.parametrize("field", [field.name for field in fields(Scenario)])
def test_every_field_can_be_set_from_its_own_text(field: str) -> None:
    value = getattr(Scenario(), field)
    assert Scenario.parse_field(field, str(value)) == value


@pytest.mark.parametrize(
    ("field", "text"), [("producers", "x"), ("warmup_s", "soon"), ("persistent", "maybe")]
)
def test_text_that_is_no_value_of_the_field_is_refused(field: str, text: str) -> None:
    with pytest.raises(ScenarioError, match=f"{field} must be"):
        Scenario.parse_field(field, text)


@given(
    st.builds(
        Scenario,
        producers=st.integers(1, 1000),
        prefetch=st.integers(1, 10_000),
        payload_bytes=st.integers(0, 1 << 18),
        guarantee=st.sampled_from(["at-most-once", "at-least-once"]),
        persistent=st.booleans(),
        handler=st.builds(Handler, st.sampled_from(["sleep", "cpu"]), st.integers(1, 10**6).map(float)),
        measure=st.sampled_from(["end-to-end", "publish", "consume"]),
        measure_s=st.floats(0.001, 1000),
    )
)
def test_json_keeps_a_scenario_whole(scenario: Scenario) -> None:
    assert Scenario.from_json(scenario.to_json()) == scenario


@pytest.mark.parametrize(
    ("values", "model"),
    [
        ({}, "closed"),
        ({"max_outstanding": 50}, "bounded"),
        ({"rate_per_s": 10}, "open"),
        ({"schedule": Schedule.parse("10:1s")}, "open"),
        ({"rate_per_s": 10, "max_outstanding": 50}, "open-bounded"),
    ],
)
def test_the_load_model_follows_from_rate_and_bound(values: dict[str, Any], model: str) -> None:
    scenario = Scenario(**values)
    assert scenario.load_model == model
    assert Scenario.from_json(json.loads(json.dumps(scenario.to_json()))) == scenario


def test_of_a_mix_the_size_is_the_mean() -> None:
    mixed = Scenario(payload_mix=Mix.parse("100:1+300:3"))
    assert (mixed.payload_bytes, mixed.least_bytes, mixed.most_bytes) == (250, 100, 300)
    assert Scenario.from_json(json.loads(json.dumps(mixed.to_json()))) == mixed
    assert mixed.with_fields({"prefetch": 7}).payload_bytes == 250


def test_a_mix_that_replaces_another_or_ends_takes_its_mean_with_it() -> None:
    mixed = Scenario(payload_mix=Mix.parse("100"))
    assert mixed.with_fields({"payload_mix": Mix.parse("200")}).payload_bytes == 200
    assert mixed.with_fields({"payload_mix": None}) == Scenario()
    assert mixed.with_fields({"payload_mix": None, "payload_bytes": 64}) == Scenario(payload_bytes=64)


@pytest.mark.parametrize("size", [64, 1024])
def test_a_size_that_is_given_to_a_mix_is_refused_even_if_it_is_the_default(size: int) -> None:
    with pytest.raises(ScenarioError, match=rf"payload_bytes \({size}\) and payload_mix \(100:1\) both say"):
        Scenario(payload_mix=Mix.parse("100")).with_fields({"payload_bytes": size})


def test_a_field_that_may_be_empty_is_written_none() -> None:
    assert Scenario.parse_field("rate_per_s", "none") is None
    assert Scenario.parse_field("rate_per_s", "250.5") == 250.5
    assert Scenario.parse_field("max_outstanding", "100") == 100
    assert Scenario.parse_field("schedule", "5:1s+5-10:2s") == Schedule.parse("5:1s+5-10:2s")
