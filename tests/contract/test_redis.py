"""Redis clients keep the contract."""

from __future__ import annotations

from redis.asyncio import Redis

from bench.brokers import Broker
from contract.contract import Contract, Finding, queue_names, until


class TestRedis(Contract):
    adapter = "redis"
    protocol = "redis"
    findings = (
        Finding(
            test="connection_cut",
            loop="rloop",
            reason="rloop 0.5 never reports a reset connection (test_loops.py)",
            run=False,  # each would take as long as the harness waits for a client that says nothing
        ),
    )

    async def test_a_fan_out_keeps_what_one_group_lacks_and_removes_what_none_does(
        self, broker: Broker
    ) -> None:
        target = self.target(broker, fan_out=True, consumers=2, prefetch=100, in_flight=50)
        queues, quick, late = queue_names(2), list[bytes](), list[bytes]()
        bodies = [b"%d" % number for number in range(1_000)]
        async with (
            Redis.from_url(broker.url) as server,
            self.client.topology(target, queues),
            self.client.consumer(target, queues[0], quick.append),
        ):
            await self.publish(target, queues[0], bodies)
            await until(lambda: len(quick) >= len(bodies), lambda: f"{len(quick)} came")
            assert await server.xlen(queues[0]) == len(bodies)
            async with self.client.consumer(target, queues[1], late.append):
                await until(lambda: len(late) >= len(bodies), lambda: f"{len(late)} came")
            # The server removes whole nodes, of 100 messages each unless it was told otherwise.
            assert await server.xlen(queues[0]) <= 200
        assert late == quick == bodies
