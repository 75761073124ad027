"""aiorabbit keeps the contract; run by test_aiorabbit.py, in the environment that aiorabbit needs."""

from __future__ import annotations

from contract.test_amqp import Amqp


class TestAiorabbit(Amqp):
    adapter = "aiorabbit"
    least_bytes = 1
