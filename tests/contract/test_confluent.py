"""confluent-kafka keeps the contract, in processes of its own.

A consumer of confluent-kafka 2.16 that is cut off with a commit on its way cannot be closed. It is kept as
long as the process, and librdkafka goes on dialling for it in threads of its own. So what cuts connections
runs apart from all else, for each loop.
"""

from __future__ import annotations

import sys

import pytest

from bench.loops import LOOPS
from contract.apart import keeps_the_contract

INSTALLED = [name for name, loop in LOOPS.items() if loop.missing() is None]
PARTS = ["not _cut_", *(f"_cut_ and {name}-" for name in INSTALLED)]


@pytest.mark.timeout(420)
@pytest.mark.parametrize("part", PARTS)
def test_confluent_kafka_keeps_the_contract(part: str) -> None:
    keeps_the_contract(sys.executable, "confluent_contract", "-k", part, limit_s=400)
