"""The least that somebody would write by hand to move messages: what the harness is held against.

For each adapter, a context manager over the client's fastest documented way; it yields ``send(count)``, which
publishes constant bodies with as many publishes in flight as the scenario says, acknowledges and counts them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from importlib.util import find_spec

from in_flight import Send

from bench.scenario import Scenario

ByHand = Callable[[str, str, Scenario], AbstractAsyncContextManager[Send]]

LOOPS = {
    "aio_pika": "minimal_amqp",
    "aioamqp": "minimal_amqp",
    "aiorabbit": "minimal_aiorabbit",
    "aiormq": "minimal_amqp",
    "pika": "minimal_amqp",
    "aiomqtt": "minimal_others",
    "gmqtt": "minimal_others",
    "aiokafka": "minimal_others",
    "confluent_kafka": "minimal_kafka",
    "nats_py": "minimal_others",
    "redis": "minimal_others",
}
"""The module with the loop of each adapter: not every client can be installed beside every other."""


def installed(adapter: str) -> bool:
    return find_spec(adapter.removesuffix("_py")) is not None


def by_hand(adapter: str) -> ByHand:
    loop: ByHand = getattr(import_module(LOOPS[adapter]), f"with_{adapter}")
    return loop
