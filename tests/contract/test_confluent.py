"""confluent-kafka keeps the contract, in a process of its own.

A consumer of confluent-kafka 2.16 that is cut off with a commit on its way cannot be closed. It is kept as
long as the process, and librdkafka goes on dialling for it in threads of its own: not beside other tests.
"""

from __future__ import annotations

import sys

import pytest

from contract.apart import keeps_the_contract


@pytest.mark.timeout(420)
def test_confluent_kafka_keeps_the_contract() -> None:
    keeps_the_contract(sys.executable, "confluent_contract", limit_s=400)
