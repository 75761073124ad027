"""NATS clients keep the contract."""

from __future__ import annotations

from typing import Any

import nats
import pytest

from bench.brokers import Broker
from bench.clients import nats_py
from contract.contract import Finding, until
from contract.pulls import Pulls

SOON_S = 2.0


class TestNatsPy(Pulls):
    adapter = "nats_py"
    protocol = "nats"
    findings = (
        Finding(
            test="connection_cut",
            loop="rloop",
            reason="rloop 0.5 never reports a reset connection (test_loops.py)",
            run=False,  # each would take as long as the harness waits for a client that says nothing
        ),
    )

    @pytest.fixture(autouse=True)
    def again_soon(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Tests that wait for a message to come again wait less; all others keep the adapter's own time."""
        if "before_the_ack_leaves" in request.node.name:
            monkeypatch.setattr(nats_py, "AGAIN_S", SOON_S)

    @pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
    async def test_topics_are_gone_round_and_a_pattern_matches_one_that_nobody_named(
        self, broker: Broker, guarantee: Any
    ) -> None:
        target, seen, beside = (
            self.target(broker, topics=3, guarantee=guarantee),
            list[bytes](),
            list[bytes](),
        )
        bodies = [b"%d" % number for number in range(9)]

        async def take(message: Any) -> None:
            beside.append(message.data)

        async with (
            await nats.connect(broker.url) as other,
            self.queue(target) as queue,
            self.client.consumer(target, queue, seen.append),
        ):
            await other.subscribe(f"{queue}.1", cb=take)
            await other.flush()
            await self.publish(target, queue, bodies)
            await until(lambda: len(beside) >= 3, lambda: f"{beside} came")
            await until(lambda: len(seen) >= 9, lambda: f"{seen} came")
            await other.publish(f"{queue}.unheard-of", b"by pattern")
            await until(lambda: len(seen) >= 10, lambda: f"{seen} came")
        assert beside == [b"1", b"4", b"7"]
        assert seen == [*bodies, b"by pattern"]
