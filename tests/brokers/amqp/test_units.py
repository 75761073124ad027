"""Rules that hold for all inputs: topic matching, the wire's reader, and the ledger of deliveries."""

from __future__ import annotations

from typing import Any, cast

import pamqp.body
import pamqp.frame
import pamqp.header
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import commands

from bench.brokers.amqp import wire
from bench.brokers.amqp.exchanges import topic_matches
from bench.brokers.amqp.replies import AmqpError
from bench.brokers.amqp.unacked import Delivery, Unacked

WORD = st.sampled_from(["a", "b", ""])
PATTERNS = st.lists(st.sampled_from(["a", "b", "*", "#"]), max_size=6)
SHORT_TEXT = st.text(max_size=40)


def matches(pattern: list[str], key: list[str]) -> bool:
    """The rule, as it is told."""
    if not pattern:
        return not key
    if pattern[0] == "#":
        return matches(pattern[1:], key) or (bool(key) and matches(pattern, key[1:]))
    return bool(key) and pattern[0] in ("*", key[0]) and matches(pattern[1:], key[1:])


@given(PATTERNS, st.lists(st.sampled_from(["a", "b", "c"]), max_size=6))
def test_topics_match_by_the_rule(pattern: list[str], key: list[str]) -> None:
    assert topic_matches(".".join(pattern), ".".join(key)) == matches(pattern, key)


def test_many_hashes_do_not_take_for_ever() -> None:
    assert not topic_matches(".".join(["#"] * 60 + ["z"]), ".".join("a" * 120))


@given(SHORT_TEXT, SHORT_TEXT, st.booleans(), st.booleans())
def test_publish_is_read_as_pamqp_writes_it(
    exchange: str, key: str, mandatory: bool, immediate: bool
) -> None:
    method = commands.Basic.Publish(routing_key=key, mandatory=mandatory, immediate=immediate)
    method.exchange = exchange  # pamqp checks names in its constructor only, the broker takes any
    payload = b"\x00\x3c\x00\x28\x00\x00" + wire.short_string(exchange) + wire.short_string(key)
    payload += bytes((mandatory | immediate << 1,))
    assert wire.read_publish(payload) == (exchange, key, mandatory | immediate << 1)
    assert wire.read_publish(payload[:-1]) is None
    assert wire.read_publish(payload + b"x") is None


@given(st.binary(max_size=60))
def test_garbled_publish_is_refused_or_read_but_never_raises(payload: bytes) -> None:
    wire.read_publish(payload)
    wire.read_header(payload)
    wire.method_id(payload)


@given(
    st.integers(1, 65535),
    st.text(max_size=20),
    st.text("abc", max_size=20),
    st.booleans(),
    st.integers(1, (1 << 63) - 1),
)
def test_deliver_is_written_as_pamqp_reads_it(
    channel_id: int, tag: str, exchange: str, again: bool, number: int
) -> None:
    before, after = wire.deliver_parts(channel_id, tag, exchange, "key", redelivered=again)
    frame = before + wire.pack_tag(number) + after
    used, channel, method = pamqp.frame.unmarshal(frame)
    method = cast("commands.Basic.Deliver", method)
    assert (channel, method.consumer_tag, method.exchange, method.routing_key) == (
        channel_id,
        tag,
        exchange,
        "key",
    )
    assert (method.delivery_tag, method.redelivered) == (number, again)
    assert frame[used:] == b"\x02" + channel_id.to_bytes(2, "big")


def content(body: bytes, channel_id: int = 1, frame_max_bytes: int = 4096) -> bytes:
    """Header and body frames of a message, as a client writes them."""
    frames: list[pamqp.frame.FrameTypes] = [pamqp.header.ContentHeader(body_size=len(body))]
    most = frame_max_bytes - 8
    frames += [pamqp.body.ContentBody(body[cut : cut + most]) for cut in range(0, len(body), most)]
    return b"".join(pamqp.frame.marshal(frame, channel_id) for frame in frames)


@given(st.binary(max_size=300), st.data())
def test_plain_content_is_taken_whole_or_left_alone(body: bytes, data: Any) -> None:
    frames = content(body)
    whole = len(frames) if body else 0
    assert wire.plain_content_end(frames + b"more", 0, 1, 4096) == whole
    assert wire.plain_content_end(b"before" + frames, 6, 1, 4096) == (whole and whole + 6)
    cut = data.draw(st.integers(0, len(frames) - 1))
    assert wire.plain_content_end(frames[:cut], 0, 1, 4096) == 0
    assert wire.plain_content_end(frames, 0, 2, 4096) == 0


@settings(max_examples=50)
@given(st.integers(0, 30_000), st.integers(1, 65535), st.sampled_from([4096, 8192, 131_072]))
def test_reframed_content_is_what_a_client_would_have_written(
    size: int, channel_id: int, frame_max: int
) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    published = content(body, 1, 131_072)
    assert b"\x02" + channel_id.to_bytes(2, "big") + wire.reframed(
        published[3:], channel_id, frame_max
    ) == content(body, channel_id, frame_max)


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=30))
def test_settling_takes_each_delivery_once_and_in_order(steps: list[tuple[int, bool]]) -> None:
    unacked, expected = Unacked(), set(range(1, 26))
    for tag in expected:
        unacked[tag] = cast("Delivery", tag)
    for tag, multiple in steps:
        settled = [
            left for left in sorted(expected) if left == tag or (multiple and (tag == 0 or left <= tag))
        ]
        if tag not in expected and not (multiple and tag == 0):
            with pytest.raises(AmqpError):
                unacked.settle_up_to(tag) if multiple and tag else unacked.settle(tag)
            continue
        taken: list[Any] = [*unacked.settle_up_to(tag)] if multiple else [unacked.settle(tag)]
        assert taken == settled
        expected -= set(settled)
    assert list(unacked) == sorted(expected)
