"""The sending half by itself, with a client of callbacks: whatever goes wrong in one reaches who waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import pytest

from bench.client import Confirmed, Post
from bench.driver.publishing import Producer, awaited

MESSAGES, IN_FLIGHT = 40, 3


def producer(post: Post, *, messages: int = MESSAGES) -> Producer:
    made = Producer(
        post,
        streams=[0],
        in_flight=IN_FLIGHT,
        payload_bytes=64,
        clock=time.monotonic_ns,
        form="callback",
    )
    made.prepare(messages)
    return made


def posting(answer: Callable[[int], BaseException | None], posted: list[bytes]) -> Post:
    """A client that answers the n-th message, from 1, with what it is told, when the loop next turns."""
    soon = asyncio.get_running_loop().call_soon

    def post(body: bytes, confirmed: Confirmed) -> None:
        posted.append(body)
        soon(confirmed, answer(len(posted)))

    return post


@pytest.mark.parametrize("messages", [0, 1, IN_FLIGHT - 1, IN_FLIGHT, MESSAGES])
async def test_however_few_messages_there_are_each_is_confirmed_once(messages: int) -> None:
    posted: list[bytes] = []
    sending = producer(posting(lambda _: None, posted), messages=messages)
    async with asyncio.timeout(5):
        await sending.send()
    assert len(posted) == len(set(posted)) == sending.sent == sending.confirmed == messages
    assert len(sending.confirm_ns) == messages


@pytest.mark.parametrize("nth", [1, 9, MESSAGES])
async def test_a_message_that_is_refused_is_an_error_and_none_is_sent_after_it(nth: int) -> None:
    posted: list[bytes] = []
    sending = producer(posting(lambda n: ValueError("refused") if n == nth else None, posted))
    with pytest.raises(ValueError, match="refused"):
        await sending.send()
    sent, confirmed = len(posted), sending.confirmed
    await turns(5)
    assert len(posted) == sent < nth + IN_FLIGHT
    assert confirmed <= sending.confirmed < sent, "the one that was refused was counted as confirmed"


@pytest.mark.parametrize("nth", [1, 2, 9, MESSAGES])
async def test_a_publish_that_raises_within_a_confirm_is_an_error(nth: int) -> None:
    posted: list[bytes] = []
    loop, unseen = asyncio.get_running_loop(), list[str]()
    loop.set_exception_handler(lambda _, context: unseen.append(context["message"]))

    def answer(n: int) -> None:
        if n == nth:
            raise ConnectionError("gone")

    sending = producer(posting(answer, posted))
    with pytest.raises(ConnectionError, match="gone"):
        await sending.send()
    await turns(5)
    assert len(posted) == nth
    assert unseen == []


async def test_who_gives_up_gets_no_more_messages_sent() -> None:
    posted: list[bytes] = []
    waiting: list[Confirmed] = []

    def post(body: bytes, confirmed: Confirmed) -> None:
        posted.append(body)
        waiting.append(confirmed)

    sending = producer(post)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await sending.send()
    for confirmed in waiting[:]:
        confirmed(None)
    assert len(posted) == sending.sent == IN_FLIGHT


async def test_a_client_that_confirms_within_the_call_never_ends_without_an_error() -> None:
    def post(_: bytes, confirmed: Confirmed) -> None:
        confirmed(None)

    with pytest.raises(RecursionError):
        await producer(post, messages=100_000).send()


@pytest.mark.parametrize("answers", [[None, None], [ValueError("refused"), None]], ids=["fine", "refused"])
async def test_a_publish_of_callbacks_can_be_awaited(answers: Sequence[BaseException | None]) -> None:
    posted: list[bytes] = []
    publish = awaited(posting(lambda n: answers[n - 1], posted), "callback")
    results = [*await asyncio.gather(publish(b"one"), publish(b"two"), return_exceptions=True)]
    assert results == list(answers)
    assert posted == [b"one", b"two"]


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
