"""The tables: which brokers can be had from where, and which URLs lead to one that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.brokers.compose import ComposeService
from bench.brokers.embedded import EmbeddedAmqp
from bench.brokers.external import external_amqp
from bench.brokers.kafka.apache import NativeKafka
from bench.brokers.kafka.composed import ComposedKafka
from bench.brokers.kafka.external import external_kafka
from bench.brokers.kafka.mock import LibrdkafkaMock
from bench.brokers.mqtt.compose import ComposedMosquitto
from bench.brokers.mqtt.external import external_mqtt
from bench.brokers.mqtt.mosquitto import NativeMosquitto
from bench.brokers.mqtt.nats import EmbeddedNatsMqtt
from bench.brokers.nats import external_nats
from bench.brokers.nats_server import COMPOSED_NATS, EMBEDDED_NATS, NATIVE_NATS
from bench.brokers.rabbitmq import NativeRabbitmq
from bench.brokers.redis import external_redis
from bench.brokers.redis_server import COMPOSED_REDIS, EMBEDDED_REDIS, NATIVE_REDIS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from bench.brokers.origin import Broker
    from bench.brokers.source import Say, Source
    from bench.client import Tls

# The order in which ``auto`` tries them: the real thing, the real thing behind Docker's network, a stand-in.
ORIGINS = ("native", "docker", "embedded")

# A line for each kind of broker and origin that it can have; of several that fit, the first is tried first.
SOURCES: tuple[Source, ...] = (
    NativeRabbitmq(),
    ComposeService(kind="rabbitmq", protocol="amqp", container_port=5672),
    EmbeddedAmqp(),
    NativeMosquitto(),
    ComposedMosquitto(),
    EmbeddedNatsMqtt(),
    NATIVE_NATS,
    COMPOSED_NATS,
    EMBEDDED_NATS,
    NATIVE_REDIS,
    COMPOSED_REDIS,
    EMBEDDED_REDIS,
    NativeKafka(),
    ComposedKafka(),
    LibrdkafkaMock(),
)

# Scheme of a URL -> protocol, and how one that runs is looked at.
SCHEMES: Mapping[str, tuple[str, Callable[[str, Tls, Say], AbstractAsyncContextManager[Broker]]]] = {
    "amqp": ("amqp", external_amqp),
    "amqps": ("amqp", external_amqp),
    "mqtt": ("mqtt", external_mqtt),
    "mqtts": ("mqtt", external_mqtt),
    "nats": ("nats", external_nats),
    "tls": ("nats", external_nats),
    "redis": ("redis", external_redis),
    "rediss": ("redis", external_redis),
    "kafka": ("kafka", external_kafka),
    "kafka+ssl": ("kafka", external_kafka),
}
TLS_SCHEMES = ("amqps", "mqtts", "tls", "rediss", "kafka+ssl")
