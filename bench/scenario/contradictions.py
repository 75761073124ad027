"""What two fields of a scenario say against each other: one sentence for each. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.arrivals import plain
from bench.payload import STAMP_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.scenario import Scenario


MOST_DUE = 10_000_000
"""When each message of a turn is due is worked out before it begins, and is in memory until it is over."""


def contradictions(scenario: Scenario) -> Iterator[str]:
    """Of a scenario whose fields are each in their range."""
    if scenario.queues > min(scenario.producers, scenario.consumers):
        yield (
            f"queues must be at most producers ({scenario.producers}) and consumers ({scenario.consumers}), "
            f"got {scenario.queues}: a queue without either measures nothing"
        )
    if scenario.ack_every > scenario.prefetch:
        yield (
            f"ack_every must be at most prefetch ({scenario.prefetch}), got {scenario.ack_every}: "
            "the broker would wait for an ack that never comes"
        )
    if scenario.ack_every > 1 and scenario.handler.kind == "sleep":
        yield (
            f"ack_every must be 1 with handler {scenario.handler}, got {scenario.ack_every}: "
            "it would acknowledge messages that are still being handled"
        )
    if (mix := scenario.payload_mix) is not None and scenario.payload_bytes != mix.mean_bytes:
        yield two_sizes(scenario.payload_bytes, str(mix))
    yield from _of_queues(scenario)
    if scenario.churn:
        yield from _of_churn(scenario)
    if scenario.topics is not None:
        yield from _of_topics(scenario)
    if scenario.fan_out:
        yield from _of_fan_out(scenario)
    if scenario.request_reply:
        yield from _of_request_reply(scenario)
    if scenario.requeue_every is not None:
        yield from _of_requeueing(scenario)
    yield from _of_load(scenario)


def two_sizes(payload_bytes: int, mix: str) -> str:
    return (
        f"payload_bytes ({payload_bytes}) and payload_mix ({mix}) both say how large: give one of them; of a "
        "mix payload_bytes is the mean"
    )


def _of_queues(scenario: Scenario) -> Iterator[str]:
    if scenario.queue_type == "quorum" and not scenario.persistent:
        yield "persistent must be true with queue_type quorum, got false: it is always kept on disk"
    if scenario.queue_type == "stream":
        yield from _of_streams(scenario)
    if scenario.queue_type == "classic" and scenario.replication > 1:
        yield f"replication must be 1 with queue_type classic, got {scenario.replication}: it has no copies"
    busiest = 1 if scenario.fan_out else -(-scenario.consumers // scenario.queues)
    if scenario.partitions is not None and scenario.partitions < busiest:
        yield (
            f"partitions must be at least the consumers of a queue ({busiest}), got {scenario.partitions}: "
            "a consumer without one has nothing to do"
        )


def _of_streams(scenario: Scenario) -> Iterator[str]:
    """What follows from a log that keeps what was read, and in which each consumer has a place of its own."""
    if not scenario.persistent:
        yield "persistent must be true with queue_type stream, got false: it is always kept on disk"
    if scenario.guarantee != "at-least-once":
        yield "queue_type stream needs guarantee=at-least-once: acknowledgements are its consumers' credit"
    if scenario.consumers != scenario.queues:
        yield (
            f"consumers must be as many as queues ({scenario.queues}) with queue_type stream, got "
            f"{scenario.consumers}: each consumer of a stream gets all of it"
        )
    if scenario.measure != "end-to-end":
        yield (
            f"queue_type stream is measured end-to-end, not {scenario.measure}: its consumers would begin "
            "with what earlier turns left in it"
        )
    if scenario.delivery == "pull":
        yield "queue_type stream goes without delivery=pull: a stream cannot be asked for a message"
    if scenario.requeue_every is not None:
        yield "queue_type stream goes without requeue_every: nothing is returned to a stream"
    if scenario.replication > 1:
        yield f"replication must be 1 with queue_type stream, got {scenario.replication}: use a quorum queue"


def _of_churn(scenario: Scenario) -> Iterator[str]:
    if scenario.load_model != "closed":
        yield f"churn needs a load that is closed, not {scenario.load_model}"
    if scenario.guarantee != "at-least-once":
        yield (
            "churn needs guarantee=at-least-once: a connection that is closed before its message is "
            "confirmed may take the message with it"
        )
    if scenario.measure == "consume":
        yield "churn is of producers, and measure=consume does not time them"


def _of_topics(scenario: Scenario) -> Iterator[str]:
    if scenario.churn:
        yield "topics are gone round by a producer that stays, and with churn each sends one message"
    if scenario.partitions is not None:
        yield (
            f"topics ({scenario.topics}) and partitions ({scenario.partitions}) both divide a queue: "
            "give one of them"
        )


def _of_fan_out(scenario: Scenario) -> Iterator[str]:
    if scenario.queues != 1:
        yield f"fan_out gives each consumer a queue of its own: queues must be 1, got {scenario.queues}"
    if scenario.churn:
        yield "fan_out is sent over lasting connections, without churn"
    if scenario.max_outstanding is not None:
        yield (
            f"fan_out goes without max_outstanding ({scenario.max_outstanding}): a message is received as "
            "often as there are consumers, and has no one receipt that would make room for the next"
        )
    if scenario.measure != "end-to-end":
        yield f"fan_out is measured end-to-end, not {scenario.measure}"


def _of_request_reply(scenario: Scenario) -> Iterator[str]:
    if scenario.max_outstanding is not None:
        yield (
            f"request_reply goes without max_outstanding ({scenario.max_outstanding}): each of producers x "
            "in_flight callers has one request under way"
        )
    if scenario.churn or scenario.fan_out:
        yield "request_reply is one question to one consumer, over lasting connections: no fan_out, no churn"
    if scenario.measure != "end-to-end":
        yield f"request_reply is measured end-to-end, not {scenario.measure}"
    if scenario.ack_every > 1:
        yield (
            f"ack_every must be 1 with request_reply, got {scenario.ack_every}: it would acknowledge "
            "requests that nobody has answered yet"
        )
    if scenario.least_bytes < STAMP_BYTES:
        yield (
            f"request_reply needs payload_bytes of at least {STAMP_BYTES}, which hold whose request it is, "
            f"got {scenario.least_bytes}"
        )


def _of_requeueing(scenario: Scenario) -> Iterator[str]:
    if scenario.guarantee != "at-least-once":
        yield "requeue_every needs guarantee=at-least-once: without acknowledgements nothing can be returned"
    if scenario.ack_every > 1:
        yield f"requeue_every judges each message by itself: ack_every must be 1, got {scenario.ack_every}"
    if scenario.fan_out:
        yield "requeue_every is of consumers that share queues, without fan_out"
    if scenario.request_reply:
        yield "requeue_every is of messages that nobody answers, without request_reply"
    if scenario.handler.kind != "none":
        yield f"requeue_every returns messages as they come: handler must be none, got {scenario.handler}"
    if scenario.measure == "publish":
        yield "requeue_every is of consumers, and measure=publish does not time them"
    if scenario.delivery == "pull":
        yield "requeue_every goes without delivery=pull: what a consumer returns is the next that it pulls"
    if scenario.payload_bytes < STAMP_BYTES:
        yield (
            f"requeue_every needs payload_bytes of at least {STAMP_BYTES}, which hold the number "
            f"of a message, got {scenario.payload_bytes}"
        )


def _of_load(scenario: Scenario) -> Iterator[str]:
    if scenario.rate_per_s is not None and scenario.schedule is not None:
        yield (
            f"rate_per_s ({plain(scenario.rate_per_s)}) and schedule ({scenario.schedule}) both say how "
            "fast: give one of them"
        )
    if scenario.arrivals != "constant" and not scenario.paced:
        yield f"arrivals={scenario.arrivals} needs a rate: give rate_per_s or schedule"
    if scenario.load_model == "closed":
        return
    if scenario.measure != "end-to-end":
        yield f"a load that is {scenario.load_model} is measured end-to-end, not {scenario.measure}"
    if scenario.payload_bytes < STAMP_BYTES:
        yield (
            f"a load that is {scenario.load_model} needs payload_bytes of at least {STAMP_BYTES}, which hold "
            f"when a message was due, got {scenario.payload_bytes}"
        )
    if (schedule := scenario.scheduled(max(1.0, scenario.warmup_s))) is not None and (
        schedule.messages > MOST_DUE
    ):
        yield too_many_due(schedule.messages, "a lower rate, or less time")
    lanes = scenario.producers * scenario.in_flight
    if scenario.max_outstanding is not None and scenario.max_outstanding < lanes:
        yield (
            f"max_outstanding must be at least producers x in_flight ({lanes}), got "
            f"{scenario.max_outstanding}: lanes would wait for each other, not for the broker"
        )


def too_many_due(messages: int, instead: str) -> str:
    """The sentence for a turn whose messages do not fit into memory."""
    return f"{messages:,} messages would be due in one turn, and {MOST_DUE:,} are the most: give {instead}"
