"""What a side is, and that two of them differ in one way."""

from __future__ import annotations

import pytest

from bench.errors import ComparisonRefusedError, UsageError
from bench.handler import Handler
from bench.sides import agree, parse, parse_both


@pytest.mark.parametrize(
    "word",
    [
        "aio-pika",
        "aio-pika==9.6.2",
        "pika==1.3.2",
        "pika>=1",
        "pika~=1.3",
        "pika===1.3.2",
        "aio-pika @ file:///checkout",
        "pika @ git+https://example.org/pika?ref=main",
        "my_adapter.py",
        "/somewhere/my=adapter.py",
        "client=aio-pika==9.6.2",
    ],
)
def test_a_requirement_or_an_adapter_file_is_a_client(word: str) -> None:
    side = parse(word)
    assert (side.differ, side.value) == ("client", word.removeprefix("client="))
    assert str(side) == word.removeprefix("client=")


def test_loops_interpreters_and_fields_are_named() -> None:
    assert (parse("loop=uvloop==0.21.0").differ, parse("loop=uvloop==0.21.0").value) == (
        "loop",
        "uvloop==0.21.0",
    )
    assert parse("python=3.12").value == "3.12"
    assert parse("prefetch=10").value == 10
    assert parse("handler=sleep:5ms").value == Handler("sleep", 5000.0)
    assert [parse(word).is_field for word in ("prefetch=10", "loop=uvloop", "aio-pika")] == [
        True,
        False,
        False,
    ]
    assert str(parse("prefetch=10")) == "prefetch=10"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("prefech=10", "no kind of side 'prefech'; did you mean 'prefetch'"),
        ("prefetch=many", "prefetch must be a whole number, got 'many'"),
        ("prefetch=10,100", "a side has one value, got 'prefetch=10,100'"),
        ("prefetch=", "a side has one value"),
        ("loop=", "'loop=' has no value: a side is a client such as"),
        ("broker=native", "two brokers cannot take turns in one round: measure each with mqbench run"),
        ("measure_s=1", "measure_s is how long it is measured, which both sides share: --set measure_s=1"),
        ("/a/checkout", "a checkout is written 'aio-pika @ file:///path/to/it'"),
    ],
)
def test_what_is_no_side_is_a_sentence(word: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(word)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("base", "candidate", "both"),
    [
        ("aio-pika", "loop=uvloop", "client and loop"),
        ("prefetch=10", "payload_bytes=32", "prefetch and payload_bytes"),
        ("python=3.12", "aio-pika", "python and client"),
    ],
)
def test_sides_that_differ_in_two_ways_are_refused(base: str, candidate: str, both: str) -> None:
    with pytest.raises(UsageError, match=f"the sides differ in two ways, {both}; they may differ in one"):
        parse_both(base, candidate)


@pytest.mark.parametrize(
    ("base", "candidate", "name"),
    [
        ("guarantee=at-least-once", "guarantee=at-most-once", "guarantee"),
        ("persistent=true", "persistent=false", "persistent"),
        ("measure=publish", "measure=end-to-end", "measure"),
    ],
)
def test_sides_that_differ_in_a_guarantee_are_refused_unless_it_is_allowed_by_name(
    base: str, candidate: str, name: str
) -> None:
    with pytest.raises(ComparisonRefusedError, match=f"--allow {name}") as raised:
        parse_both(base, candidate, allowed=["protocol"])
    assert raised.value.exit_code == 4
    assert parse_both(base, candidate, allowed=[name])[1].differ == name
    assert parse_both(base, base)[0].differ == name


def test_what_agrees_needs_no_allowance() -> None:
    agree("protocol", "amqp", "amqp", allowed=())
    agree("protocol", "amqp", "mqtt", allowed=["protocol"])
    with pytest.raises(ComparisonRefusedError, match=r"differ in protocol \(amqp and mqtt\)"):
        agree("protocol", "amqp", "mqtt", allowed=["guarantee"])
