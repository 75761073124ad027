"""A scenario as the columns of a row, with what each of its fields means there."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from bench.scenario import Scenario
from bench.schema.column import Column

SCENARIO_COLUMN = {"rate_per_s": "asked_rate_per_s"}
"""Columns of scenario fields that cannot have the field's name, as a result has it."""

_MEANING = {
    "producers": "producers in the worker, each with a connection of its own",
    "consumers": "consumers in the worker, each with a connection of its own",
    "queues": "queues; producer i and consumer j use queues i and j modulo this",
    "prefetch": "messages that a consumer may hold unacknowledged",
    "payload_bytes": "size of a message body; the mean of a mix",
    "payload_mix": "sizes and ranges that bodies were drawn from, with weights; empty: all had one size",
    "in_flight": "publishes that one producer keeps outstanding",
    "rate_per_s": "messages a second that the scenario asked for, over all producers; empty: no one rate",
    "schedule": "rates over time that the scenario asked for instead, as RATE:TIME and RATE-RATE:TIME",
    "arrivals": "of an open load: constant gaps between messages, or poisson arrivals",
    "max_outstanding": "messages that might be between publish and receipt at once; empty: any number",
    "fan_out": "every consumer got every message; messages and rates are deliveries",
    "topics": "topics over which each queue's messages were spread; its consumers subscribed to them by one "
    "pattern; empty: nothing was routed by topic",
    "churn": "a producer connected anew for each message, and left after it",
    "request_reply": "each message was a request that a consumer answered: messages and rates are round "
    "trips, latency is from a request's sending (of an open load, from when it was due) to its reply's "
    "receipt",
    "delivery": "push: the broker sent messages as they came; pull: consumers asked for them; empty: the way "
    "that the client's adapter has by itself",
    "requeue_every": "a consumer returned every n-th message when it first came; empty: none",
    "guarantee": "at-most-once: no confirms and no acks; at-least-once: both",
    "ack_every": "a consumer acknowledges every n-th message and those before it",
    "persistent": "the broker was asked to keep messages on disk",
    "queue_type": "type of an AMQP queue that was asked for: classic, quorum or stream; empty: the broker's "
    "default",
    "partitions": "partitions of each topic; empty: one for each of its consumers",
    "replication": "copies of each message that the broker was asked to keep, on nodes of its own each",
    "handler": "what a consumer did with a message: none, sleep:TIME or cpu:TIME; drawn anew for each with "
    "TIME-TIME (even) and TIME~exponential (TIME is the mean)",
    "measure": "the timed stretch: end-to-end, publish or consume",
    "warmup_s": "seconds of warm-up in each round",
    "measure_s": "seconds of measurement asked for in each round",
}

SCENARIO_FIELDS = tuple(
    Column(SCENARIO_COLUMN.get(field.name, field.name), _MEANING[field.name]) for field in fields(Scenario)
)


def scenario_columns(scenario: Scenario) -> dict[str, Any]:
    """A scenario as the columns of a row."""
    return {SCENARIO_COLUMN.get(name, name): value for name, value in scenario.to_json().items()}
