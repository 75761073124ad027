"""How messages find their queues where a broker routes them: topics, a pattern for them, AMQP's exchanges.

A queue has topics of its own, whose names are its own with one more word each: ``queue.0``, ``queue.1``, ...
"""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from bench.client import Confirmed, Post, Publish, Target


def topics(target: Target, queue: str, separator: str = ".") -> list[str]:
    """Where a producer of the queue sends: to the queue itself, unless the scenario has topics."""
    if target.topics is None:
        return [queue]
    return [f"{queue}{separator}{number}" for number in range(target.topics)]


def pattern(target: Target, queue: str, one_word: str = ".*") -> str:
    """What a consumer of the queue subscribes to; ``one_word`` is how a protocol writes any one word more."""
    return queue if target.topics is None else f"{queue}{one_word}"


def in_turn(publishes: Sequence[Publish]) -> Publish:
    """One publish whose calls go round these, one for each topic; where there is one, that one itself."""
    if len(publishes) == 1:
        return publishes[0]
    following = cycle(publishes).__next__

    def publish(body: bytes) -> Awaitable[object]:
        return following()(body)

    return publish


def posts_in_turn(posts: Sequence[Post]) -> Post:
    """The same for a client whose publishes call back."""
    if len(posts) == 1:
        return posts[0]
    following = cycle(posts).__next__

    def post(body: bytes, confirmed: Confirmed) -> object:
        return following()(body, confirmed)

    return post


def exchange(target: Target, queue: str) -> str:
    """Which AMQP exchange a producer of the queue sends to; "" is the default one."""
    return "" if _kind(target) is None else queue


def exchanges(target: Target, queues: Sequence[str]) -> list[tuple[str, str]]:
    """Name and type of each exchange that stands before the queues."""
    kind = _kind(target)
    return [] if kind is None else [(name, kind) for name in _sources(target, queues)]


def bindings(target: Target, queues: Sequence[str]) -> list[tuple[str, str, str]]:
    """Queue, exchange and key of each binding."""
    if _kind(target) is None:
        return []
    if target.fan_out:
        return [(queue, queues[0], pattern(target, queues[0])) for queue in queues]
    return [(queue, queue, pattern(target, queue)) for queue in queues]


def _sources(target: Target, queues: Sequence[str]) -> Sequence[str]:
    return queues[:1] if target.fan_out else queues


def _kind(target: Target) -> str | None:
    if target.topics is not None:
        return "topic"
    return "fanout" if target.fan_out else None
