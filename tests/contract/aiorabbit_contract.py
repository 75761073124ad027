"""aiorabbit keeps the contract; run by test_aiorabbit.py, in the environment that aiorabbit needs."""

from __future__ import annotations

from contract.contract import Finding
from contract.test_amqp import Amqp


class TestAiorabbit(Amqp):
    adapter = "aiorabbit"
    findings = (
        Finding(
            test="more_than_one_read",
            reason="aiorabbit 1.0 may not acknowledge between a delivery's frames (StateTransitionError)",
        ),
    )
