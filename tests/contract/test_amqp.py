"""AMQP 0-9-1 clients keep the contract."""

from __future__ import annotations

from contract.contract import Contract


class Amqp(Contract):
    protocol = "amqp"


class TestAioPika(Amqp):
    adapter = "aio_pika"


class TestAioamqp(Amqp):
    adapter = "aioamqp"


class TestAiormq(Amqp):
    adapter = "aiormq"


class TestPika(Amqp):
    adapter = "pika"
