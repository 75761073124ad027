"""The least that somebody would write by hand to move messages: what the harness is held against.

For each adapter, a context manager over the client's fastest documented way; it yields ``send(count)``, which
publishes constant bodies with as many publishes in flight as the scenario says, acknowledges and counts them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from in_flight import Send
from minimal_amqp import with_aio_pika, with_aioamqp, with_aiormq, with_pika
from minimal_others import with_aiokafka, with_aiomqtt, with_nats_py, with_redis

from bench.scenario import Scenario

LOOPS: dict[str, Callable[[str, str, Scenario], AbstractAsyncContextManager[Send]]] = {
    "aio_pika": with_aio_pika,
    "aioamqp": with_aioamqp,
    "aiormq": with_aiormq,
    "pika": with_pika,
    "aiomqtt": with_aiomqtt,
    "aiokafka": with_aiokafka,
    "nats_py": with_nats_py,
    "redis": with_redis,
}
