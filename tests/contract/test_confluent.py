"""confluent-kafka keeps the contract, in a process of its own.

A consumer of confluent-kafka 2.16 that is cut off with a commit on its way does not come back from ``close``
and is given up: it goes on telling of errors to a loop that has ended, and the tests after it would hear.
"""

from __future__ import annotations

import sys

import pytest

from contract.apart import keeps_the_contract

TOLD_TOO_LATE = "filterwarnings=ignore:coroutine .*_run_with_identity' was never awaited:RuntimeWarning"


@pytest.mark.timeout(320)
def test_confluent_kafka_keeps_the_contract() -> None:
    keeps_the_contract(sys.executable, "confluent_contract", "-o", TOLD_TOO_LATE, limit_s=300)
