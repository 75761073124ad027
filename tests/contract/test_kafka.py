"""Kafka clients keep the contract."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # no types

from bench.brokers import Broker
from bench.brokers.kafka.address import KafkaAddress
from bench.client import Target
from bench.driver.sample import Sample
from bench.errors import UnsupportedError
from bench.scenario import Scenario
from contract.aside import aside
from contract.contract import LIMIT_S, MIB, Contract, Finding, driven
from contract.proxy import Pipe, Proxied

HOST = "127.0.0.1"
MOCK = "librdkafka-mock"


class Advertised(Pipe):
    """Has the broker say that it is where the proxy is, or clients would go on to it past the proxy."""

    moved = (b"", b"")

    def data_received(self, data: bytes) -> None:
        super().data_received(data.replace(*self.moved))


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """A proxy's port, and what cuts all connections through it."""
    loop = asyncio.get_running_loop()
    ends: set[asyncio.Transport] = set()
    dials: set[asyncio.Task[None]] = set()

    def pipe() -> Advertised:
        made = Advertised(ends)
        ours = server.sockets[0].getsockname()[1]
        made.moved = (HOST.encode() + struct.pack(">i", port), HOST.encode() + struct.pack(">i", ours))
        return made

    async def dial(inner: Advertised) -> None:
        _, outer = await loop.create_connection(pipe, HOST, port)
        inner.join(outer)

    def accept() -> Advertised:
        inner = pipe()
        dials.add(task := loop.create_task(dial(inner), name="proxy dials the broker"))
        task.add_done_callback(dials.discard)
        return inner

    server = await loop.create_server(accept, HOST, 0)

    def cut() -> None:
        server.close()
        for end in tuple(ends):
            end.abort()

    try:
        yield server.sockets[0].getsockname()[1], cut
    finally:
        cut()
        await asyncio.sleep(0)  # lets the aborted transports close their sockets


@contextmanager
def proxied(url: str) -> Iterator[Proxied]:
    (server,) = KafkaAddress.parse(url).servers
    with aside(listening(server.port)) as ((port, cut), loop):
        yield Proxied(url=f"kafka://{HOST}:{port}", cut=lambda: (loop.call_soon_threadsafe(cut), None)[1])


async def partitions_of(broker: Broker, topic: str) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=urlsplit(broker.url).netloc)
    await admin.start()
    try:
        (described,) = await admin.describe_topics([topic])
        return len(described["partitions"])
    finally:
        await admin.close()


class Kafka(Contract):
    protocol = "kafka"
    competing = False  # each consumer has partitions of its own

    async def gone(self, broker: Broker, queue: str) -> bool:
        if broker.kind == MOCK:
            pytest.skip("librdkafka's mock cluster deletes no topic")
        return await super().gone(broker, queue)

    def cuttable(self, broker: Broker) -> AbstractContextManager[Proxied]:
        return proxied(broker.url)

    async def test_consumers_share_out_the_partitions_that_were_asked_for(self, broker: Broker) -> None:
        await self.drive(broker, Scenario(partitions=4, consumers=3, producers=2))
        target = self.target(broker, partitions=3)
        async with self.queue(target) as queue:
            if broker.kind != MOCK:  # which gives every topic four
                assert await partitions_of(broker, queue) == 3
            await self.publish(target, queue, [b"%d" % index for index in range(7)])
            await self.expect(target, queue, [b"%d" % index for index in range(7)])

    async def test_each_group_of_a_fan_out_reads_every_partition(self, broker: Broker) -> None:
        scenario = Scenario(fan_out=True, partitions=3, consumers=2, producers=2)
        samples = await self.drive(broker, scenario)
        assert [sample.consumed for sample in samples] == [(300, 300)] * len(samples)

    async def test_more_copies_than_there_are_nodes_are_an_error(self, broker: Broker) -> None:
        if broker.kind == MOCK:
            pytest.skip("librdkafka's mock cluster is not asked for copies")
        assert broker.shortfall(Scenario(replication=3)) == (
            f"the {broker.origin} kafka has one node and cannot keep 3 copies of a message"
        )
        with pytest.raises(Exception, match=r"(?i)replication.?factor"):
            async with asyncio.timeout(LIMIT_S), self.queue(self.target(broker, replication=3)):
                pass

    async def drive(
        self, broker: Broker, scenario: Scenario, *, messages: int = 300, turns: int = 2
    ) -> Sequence[Sample]:
        if broker.kind == MOCK and scenario.payload_bytes == MIB:
            messages = 3  # it forgets the oldest of more than 5 MiB
        return await super().drive(broker, scenario, messages=messages, turns=turns)


# Cut off, a producer of aiokafka 0.14 waits in ``stop`` for answers that cannot come, longer than the harness
# does; what is then open is left to the garbage collector.
@pytest.mark.filterwarnings("ignore:Unclosed AIOKafka:ResourceWarning")
@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore:loop is closed:ResourceWarning")
class TestAiokafka(Kafka):
    adapter = "aiokafka"
    findings = (
        Finding(
            test="_cut_",
            loop="rloop",
            reason="rloop 0.5 never reports a reset connection (test_loops.py)",
            run=False,  # each would take as long as the harness waits for a client that says nothing
        ),
    )

    def target(self, broker: Broker, **changes: Any) -> Target:
        if broker.kind == MOCK and changes.get("guarantee") == "at-most-once":
            pytest.skip("refused, as the tests that drive it show")
        return super().target(broker, **changes)

    async def drive(
        self, broker: Broker, scenario: Scenario, *, messages: int = 300, turns: int = 2
    ) -> Sequence[Sample]:
        able = self.client.abilities.shortfall(scenario) is None
        if able and broker.kind == MOCK and scenario.guarantee == "at-most-once":
            with pytest.raises(UnsupportedError, match="which answers it"):
                async with driven(self.client, broker, scenario):
                    pass
            return []
        return await super().drive(broker, scenario, messages=messages, turns=turns)
