"""Clients that break one promise each; run by test_contract.py, which knows the tests that must fail."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pika

from bench.client import Client, Depth, Receive, Target
from contract.rewired import Rewired
from contract.test_amqp import Amqp


class Faulty(Amqp):
    adapter = "aio_pika"
    fault: type[Rewired]

    @property
    def client(self) -> Client:
        return self.fault(client=super().client)


@dataclass(frozen=True, kw_only=True)
class ConfirmsEarly(Rewired):
    def producer(self, target: Target, queue: str) -> Any:
        return super().producer(replace(target, guarantee="at-most-once"), queue)


@dataclass(frozen=True, kw_only=True)
class AcknowledgesFirst(Rewired):
    def consumer(self, target: Target, queue: str, receive: Receive) -> AbstractAsyncContextManager[None]:
        return super().consumer(replace(target, guarantee="at-most-once"), queue, receive)


@dataclass(frozen=True, kw_only=True)
class IgnoresPrefetch(Rewired):
    def consumer(self, target: Target, queue: str, receive: Receive) -> AbstractAsyncContextManager[None]:
        return super().consumer(replace(target, prefetch=0), queue, receive)


@dataclass(frozen=True, kw_only=True)
class Swallows(Rewired):
    def consumer(self, target: Target, queue: str, receive: Receive) -> AbstractAsyncContextManager[None]:
        async def quietly(body: bytes) -> None:
            with contextlib.suppress(ValueError):
                if (handling := receive(body)) is not None:
                    await handling

        return super().consumer(target, queue, quietly)


@dataclass(frozen=True, kw_only=True)
class KeepsQueues(Rewired):
    @asynccontextmanager
    async def topology(self, target: Target, queues: Sequence[str]) -> AsyncIterator[Depth | None]:
        with pika.BlockingConnection(pika.URLParameters(target.url)) as connection:
            for queue in queues:
                connection.channel().queue_declare(queue)
        yield None


class TestConfirmsEarly(Faulty):
    fault = ConfirmsEarly


class TestAcknowledgesFirst(Faulty):
    fault = AcknowledgesFirst


class TestIgnoresPrefetch(Faulty):
    fault = IgnoresPrefetch


class TestSwallows(Faulty):
    fault = Swallows


class TestKeepsQueues(Faulty):
    fault = KeepsQueues
