"""confluent-kafka keeps the contract; run by test_confluent.py, in a process of its own."""

from __future__ import annotations

from contract.contract import Finding
from contract.test_kafka import MOCK, Kafka


class TestConfluentKafka(Kafka):
    adapter = "confluent_kafka"
    findings = (
        Finding(
            test="byte_for_byte",
            broker=f"{MOCK}-at-most-once",
            reason="the mock cluster answers acks=0, and drops what it has not read when the producer leaves",
            run=False,
        ),
    )
