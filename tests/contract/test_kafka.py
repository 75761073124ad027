"""Kafka clients keep the contract."""

from __future__ import annotations

from contract.contract import Contract


class Kafka(Contract):
    protocol = "kafka"
    competing = False


class TestAiokafka(Kafka):
    adapter = "aiokafka"


class TestConfluentKafka(Kafka):
    adapter = "confluent_kafka"
