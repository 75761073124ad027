"""What every adapter promises, as tests which a class of a few lines inherits.

    class TestAioPika(Contract):
        adapter = "aio_pika"
        protocol = "amqp"

Most of what a client cannot do is read from its ``abilities``: then the test is that the harness refuses it.
The other class attributes are switches for what a whole protocol lacks. Every wait has a limit, and none has
a time that a slow machine could miss.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bench import Mix
from bench.brokers import Broker
from bench.client import Client, Publishing, Receive, Target
from bench.driver import CLOSE_LIMIT_S, Driver
from bench.driver.publishing import awaited
from bench.driver.round_trips import RequestDriver
from bench.driver.sample import Sample
from bench.driver.unwinding import LimitedExitStack
from bench.engine.local import LocalEngine
from bench.errors import StalledError, UnsupportedError
from bench.gauges import Gauges
from bench.payload import Account
from bench.scenario import Scenario
from bench.worker import describe, listening
from contract.proxy import Proxied, proxied
from contract.rewired import Rewired


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A promise that a client is known to break: where the words are empty, everywhere.

    ``run=False`` where the breach would hang the tests.
    """

    reason: str
    test: str = ""
    loop: str = ""
    broker: str = ""
    run: bool = True

    def covers(self, test: str) -> bool:
        name, _, case = test.partition("[")
        return self.test in name and case.startswith(self.loop) and self.broker in case


MIB = 1 << 20
LIMIT_S = float(os.environ.get("MQBENCH_CONTRACT_LIMIT_S", "20"))
"""What should happen has not, if it takes this long."""
STANDSTILL_S = 0.4 * LIMIT_S
"""What the harness would wait for a client that says nothing; an error must come from the client before."""
WINDOW_S = 0.3
"""How long something that must not happen is watched for."""


def queue_names(count: int) -> list[str]:
    mark = secrets.token_hex(4)
    return [f"contract-{mark}-{index}" for index in range(count)]


async def until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Returns when the condition holds; fails with ``what`` after the limit."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what()
        await asyncio.sleep(0.005)


def first(error: BaseException) -> BaseException:
    """Of a group, the first error that is not one itself, as a worker reports it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextmanager
def stopped(broker: Broker) -> Iterator[None]:
    """The broker does nothing while the block runs: it reads nothing and confirms nothing."""
    if not broker.pids:
        pytest.skip(f"the {broker.origin} {broker.kind} has no process of ours to stop")
    for pid in broker.pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        # The signal reaches the threads of a process one after another; the last may still confirm.
        while not all(map(has_stopped, broker.pids)):
            time.sleep(0.001)
        yield
    finally:
        for pid in broker.pids:
            os.kill(pid, signal.SIGCONT)


def has_stopped(pid: int) -> bool:
    """All of its threads have, as far as the platform tells."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)


@asynccontextmanager
async def driven(client: Client, broker: Broker, scenario: Scenario) -> AsyncIterator[Driver]:
    """A connected driver, as a worker has it, in this process."""
    clock = time.monotonic_ns
    with Gauges(clock) as gauges:
        driving = RequestDriver if scenario.request_reply else Driver
        driver = driving(
            client,
            Target.of(scenario, broker.url),
            scenario,
            queue_names(scenario.queues),
            clock=clock,
            gauges=gauges,
            limit_s=STANDSTILL_S,
        )
        async with asyncio.timeout(2 * LIMIT_S):
            with listening(driver.watch.fail):
                async with driver.connected():
                    yield driver


RLOOP_PIPE = pytest.mark.filterwarnings(
    "ignore:unclosed <socket.socket fd=[0-9]+, family=1, type=1:ResourceWarning"
)
"""rloop 0.5 leaves the two ends of its own wake-up pipe to the garbage collector."""


@RLOOP_PIPE
class Contract:
    """Inherit, and name the adapter and its protocol."""

    adapter: ClassVar[str]
    protocol: ClassVar[str]

    findings: ClassVar[tuple[Finding, ...]] = ()
    """What is known to fail, and why; the README's table of combinations says the same."""

    competing: ClassVar[bool] = True
    """Consumers of one queue share its messages."""
    delivery: str | None = None
    """How consumers are to get their messages, where that is not left to the adapter."""
    redelivers: ClassVar[bool] = True
    """A message that was delivered and never acknowledged comes again, to the next consumer."""

    @property
    def client(self) -> Client:
        client: Client = import_module(f"bench.clients.{self.adapter}").CLIENT
        return client

    # What a protocol may have to do in its own way.

    def cuttable(self, broker: Broker) -> AbstractContextManager[Proxied]:
        """A way to the broker that can be cut."""
        return proxied(broker.url)

    async def gone(self, broker: Broker, queue: str) -> bool:
        """Nothing is left of a queue that is said to be removed, as far as can be seen from outside."""
        seen: list[bytes] = []
        async with self.client.topology(self.target(broker), [queue]) as depth:
            if depth is not None and await depth():  # asked before anybody consumes
                return False
            async with self.client.consumer(self.target(broker), queue, seen.append):
                return not seen

    # The tests.

    @pytest.mark.parametrize("measure", ["end-to-end", "publish", "consume"])
    @pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
    async def test_nothing_is_lost_duplicated_or_reordered(
        self, broker: Broker, guarantee: Any, measure: Any
    ) -> None:
        scenario = Scenario(
            measure=measure, guarantee=guarantee, producers=3, consumers=4, queues=2, in_flight=10
        )
        samples = await self.drive(broker, scenario)
        confirmed = 300 if guarantee == "at-least-once" else None
        assert [sample.confirmed for sample in samples] == [confirmed] * len(samples)

    @pytest.mark.parametrize("consumers", [1, 3])
    @pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
    async def test_every_consumer_of_a_fan_out_gets_every_message(
        self, broker: Broker, guarantee: Any, consumers: int
    ) -> None:
        scenario = Scenario(fan_out=True, guarantee=guarantee, producers=2, consumers=consumers, in_flight=10)
        samples = await self.drive(broker, scenario)
        assert [sample.consumed for sample in samples] == [(300,) * consumers] * len(samples)
        assert {sample.sent for sample in samples} <= {300}

    @pytest.mark.parametrize("topics", [1, 7])
    @pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
    async def test_consumers_get_all_topics_that_their_pattern_matches(
        self, broker: Broker, guarantee: Any, topics: int
    ) -> None:
        scenario = Scenario(
            topics=topics, guarantee=guarantee, producers=3, consumers=4, queues=2, in_flight=10
        )
        await self.drive(broker, scenario)

    async def test_each_consumer_of_a_fan_out_gets_all_topics(self, broker: Broker) -> None:
        await self.drive(broker, Scenario(topics=5, fan_out=True, producers=2, consumers=3, in_flight=10))

    @pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
    async def test_every_request_is_answered_once(self, broker: Broker, guarantee: Any) -> None:
        scenario = Scenario(request_reply=True, guarantee=guarantee, producers=2, consumers=2, in_flight=5)
        samples = await self.drive(broker, scenario, messages=60)
        assert [sum(sample.consumed) for sample in samples] == [60] * len(samples)

    async def test_one_lane_one_queue_and_one_message_at_a_time_arrive(self, broker: Broker) -> None:
        await self.drive(broker, Scenario(in_flight=1, prefetch=1), messages=40)

    async def test_more_than_one_read_of_the_socket_at_a_time_arrives(self, broker: Broker) -> None:
        """A full prefetch of these is several reads, so acknowledgements fall between a message's parts."""
        await self.drive(broker, Scenario(payload_bytes=16 * 1024))

    async def test_acknowledging_every_tenth_message_loses_and_leaves_nothing(self, broker: Broker) -> None:
        await self.drive(broker, Scenario(ack_every=10, prefetch=20, consumers=2), messages=105)

    async def test_persistent_messages_are_taken(self, broker: Broker) -> None:
        await self.drive(broker, Scenario(persistent=True), messages=60)

    async def test_what_was_acknowledged_before_leaving_does_not_come_again(self, broker: Broker) -> None:
        """Seven messages with an ack for every third: the rest is acknowledged when the consumer leaves."""
        self.need_acknowledgements()
        every = 3 if self.client.abilities.ack_every else 1
        target = self.target(broker, ack_every=every)
        async with self.queue(target) as queue:
            await self.publish(target, queue, [b"%d" % index for index in range(7)])
            first: list[bytes] = []
            async with self.client.consumer(target, queue, first.append):
                await until(lambda: len(first) >= 7, lambda: f"only {first} came")
            second: list[bytes] = []
            async with self.client.consumer(target, queue, second.append):
                await self.publish(target, queue, [b"the last"])
                await until(lambda: b"the last" in second, lambda: f"only {second} came")
            assert (first, second) == ([b"%d" % index for index in range(7)], [b"the last"])

    @pytest.mark.parametrize("consumers", [1, 3])
    async def test_what_consumers_return_comes_again_and_once(self, broker: Broker, consumers: int) -> None:
        samples = await self.drive(broker, Scenario(requeue_every=7, consumers=consumers, in_flight=10))
        for sample in samples:
            assert 300 // 7 - 10 <= sample.account.requeued <= 300 // 7 + 10

    async def test_what_was_returned_comes_again_and_says_so(self, broker: Broker) -> None:
        if not self.client.abilities.requeues:
            pytest.skip(f"{self.client.abilities.distribution} cannot return a message to the broker")
        target = self.target(broker, requeues=True)
        seen: list[tuple[bytes, bool]] = []

        def judge(body: bytes, redelivered: bool) -> bool:
            seen.append((bytes(body), redelivered))
            return body == b"return" and not redelivered

        bodies = [b"one", b"return", b"two"]
        async with asyncio.timeout(3 * LIMIT_S), self.queue(target) as queue:
            async with self.client.consumer(target, queue, judge):  # type: ignore[arg-type]  # a Judge
                await self.publish(target, queue, bodies)
                await until(lambda: len(seen) >= 4, lambda: f"only {seen} came")
            assert sorted(seen) == sorted([*((body, False) for body in bodies), (b"return", True)])
            await self.publish(target, queue, [b"the last"])
            await self.expect(self.target(broker), queue, [b"the last"])

    @pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
    async def test_bodies_arrive_byte_for_byte(self, broker: Broker, guarantee: Any) -> None:
        abilities = self.client.abilities
        if guarantee not in abilities.guarantees:
            pytest.skip(f"{abilities.distribution} cannot give the guarantee {guarantee}")
        most = min(MIB, abilities.most_bytes or MIB)
        bodies = [b"", b"\0", b"\xff", bytes(range(256)), secrets.token_bytes(most), b"after the large one"]
        bodies = [body for body in bodies if len(body) >= abilities.least_bytes]
        seen: list[bytes] = []
        target = self.target(broker, guarantee=guarantee)
        async with self.queue(target) as queue, self.client.consumer(target, queue, self.copy_to(seen)):
            await self.publish(target, queue, bodies)
            await until(lambda: len(seen) >= len(bodies), lambda: f"{len(seen)} of {len(bodies)} came")
        assert [len(body) for body in seen] == [len(body) for body in bodies]
        assert seen == bodies

    @pytest.mark.parametrize("payload_bytes", [0, 1, MIB])
    async def test_bodies_of_any_size_are_measured_or_refused(
        self, broker: Broker, payload_bytes: int
    ) -> None:
        await self.drive(broker, Scenario(payload_bytes=payload_bytes, in_flight=3), messages=12)

    async def test_a_consumer_that_raises_before_the_ack_leaves_the_message(self, broker: Broker) -> None:
        self.need_redelivery()
        target = self.target(broker)
        heard: list[BaseException] = []

        def refuse(_: bytes) -> None:
            raise ValueError("the handler says no")

        async with self.queue(target) as queue:
            await self.publish(target, queue, [b"once more"])
            with listening(heard.append):
                try:
                    async with asyncio.timeout(LIMIT_S), self.client.consumer(target, queue, refuse):
                        await until(lambda: bool(heard), lambda: "the exception was never heard of")
                except (ValueError, ExceptionGroup) as error:
                    heard.append(error)
            assert any("the handler says no" in describe(error) for error in heard), heard
            await self.expect(target, queue, [b"once more"])

    async def test_a_consumer_that_is_cut_off_before_the_ack_leaves_the_messages(
        self, broker: Broker
    ) -> None:
        self.need_redelivery()
        target = self.target(broker)
        bodies = [b"%d" % index for index in range(5)]
        seen: list[bytes] = []
        gate = asyncio.Event()

        async def hold(body: bytes) -> None:
            seen.append(body)
            await gate.wait()

        async with self.queue(target) as queue:
            await self.publish(target, queue, bodies)
            with self.cuttable(broker) as way, contextlib.suppress(Exception):
                # Some clients wait in vain for the broker when they are left; the harness gives them as long.
                async with asyncio.timeout(LIMIT_S), LimitedExitStack(CLOSE_LIMIT_S) as stack:
                    await stack.enter_async_context(
                        self.client.consumer(self.target(broker, url=way.url), queue, hold)
                    )
                    await until(lambda: bool(seen), lambda: "nothing came")
                    way.cut()
                    gate.set()  # whatever is acknowledged now cannot reach the broker any more
            assert seen, "nothing came before the cut"
            await self.expect(target, queue, bodies)

    async def test_never_more_than_prefetch_are_unacknowledged(self, broker: Broker) -> None:
        self.need_acknowledgements()
        prefetch, total = 5, 20
        target = self.target(broker, prefetch=prefetch, consumers=2 if self.competing else 1)
        held: list[bytes] = []
        others: list[bytes] = []
        gate = asyncio.Event()

        async def hold(body: bytes) -> None:
            held.append(body)
            await gate.wait()

        async with self.queue(target) as queue:
            await self.publish(target, queue, [b"%d" % index for index in range(total)])
            async with asyncio.timeout(2 * LIMIT_S), contextlib.AsyncExitStack() as stack:
                stack.callback(gate.set)
                await stack.enter_async_context(self.client.consumer(target, queue, hold))
                await until(lambda: bool(held), lambda: "nothing came")
                if self.competing:
                    # What the first consumer may not have is left in the queue, and reaches the second.
                    await stack.enter_async_context(self.client.consumer(target, queue, others.append))
                    await until(
                        lambda: len(others) >= total - prefetch,
                        lambda: f"{len(others)} were left: {total - len(others)} are held at {prefetch=}",
                    )
                else:
                    await asyncio.sleep(WINDOW_S)
                assert len(held) <= prefetch
                gate.set()
                await until(
                    lambda: len(held) + len(others) >= total, lambda: f"{len(held)} + {len(others)} came"
                )
        assert len(held) + len(others) == total

    async def test_publish_returns_no_earlier_than_the_confirm(self, broker: Broker) -> None:
        self.need_acknowledgements()
        target = self.target(broker)
        async with (
            asyncio.timeout(LIMIT_S),
            self.queue(target) as queue,
            self.client.producer(target, queue) as publish,
        ):
            await self.publish_with(publish, b"the way is open")
            with stopped(broker):
                publishing = asyncio.create_task(self.publish_with(publish, b"nobody has this yet"))
                done, _ = await asyncio.wait({publishing}, timeout=WINDOW_S)
                assert not done, "publish returned while the broker stood still"
            await publishing
            await self.expect(target, queue, [b"the way is open", b"nobody has this yet"])

    async def test_at_most_once_waits_for_no_confirm(self, broker: Broker) -> None:
        if "at-most-once" not in self.client.abilities.guarantees:
            pytest.skip(f"{self.client.abilities.distribution} cannot give at-most-once")
        target = self.target(broker, guarantee="at-most-once")
        async with (
            asyncio.timeout(LIMIT_S),
            self.queue(target) as queue,
            self.client.producer(target, queue) as publish,
        ):
            await self.publish_with(publish, b"the way is open")
            with stopped(broker):
                await self.publish_with(publish, b"nobody has this yet")

    @pytest.mark.parametrize("kind", ["at once", "later"])
    async def test_an_exception_in_the_handler_reaches_the_driver(self, broker: Broker, kind: str) -> None:
        async def later() -> None:
            await asyncio.sleep(0)
            raise ValueError("the handler says no")

        def refuse(count: int) -> Awaitable[None] | None:
            if count != 30:
                return None
            if kind == "later":
                return later()
            raise ValueError("the handler says no")

        client = Rewired(client=self.client, on_receive=refuse)
        error = await self.failure(client, broker, Scenario(guarantee=self.guarantee))
        assert "the handler says no" in describe(error), repr(error)
        assert not isinstance(error, StalledError), error

    @pytest.mark.parametrize("when", ["moving", "idle"])
    @pytest.mark.parametrize("who", ["producer", "consumer"])
    async def test_a_connection_cut_in_the_middle_is_an_error(
        self, broker: Broker, who: str, when: str
    ) -> None:
        scenario = Scenario(guarantee=self.guarantee, prefetch=20, in_flight=10)
        with self.cuttable(broker) as way:

            def cut(count: int) -> None:
                if count == 100:
                    way.cut()

            spy = cut if when == "moving" else None
            client = (
                Rewired(client=self.client, producer_url=way.url, on_publish=spy)
                if who == "producer"
                else Rewired(client=self.client, consumer_url=way.url, on_receive=spy)
            )
            error = await self.failure(client, broker, scenario, way.cut if when == "idle" else None)
        assert not isinstance(error, StalledError | TimeoutError), f"{error!r} and nothing from the client"

    async def test_the_topology_is_gone_afterwards(self, broker: Broker) -> None:
        target = self.target(broker)
        queues = queue_names(3)
        async with asyncio.timeout(LIMIT_S), self.client.topology(target, queues):
            await self.publish(target, queues[1], [b"left behind"] * 3)
        for queue in queues:
            assert await self.gone(broker, queue), f"{queue} is still there"

    async def test_the_topology_of_a_fan_out_is_gone_afterwards(self, broker: Broker) -> None:
        if not self.client.abilities.fan_out:
            pytest.skip(f"{self.client.abilities.distribution} cannot fan out")
        target = self.target(broker, fan_out=True, consumers=2)
        queues = queue_names(2)
        async with asyncio.timeout(LIMIT_S), self.client.topology(target, queues):
            await self.publish(target, queues[0], [b"left behind"] * 3)
        for queue in queues:
            assert await self.gone(broker, queue), f"{queue} is still there"

    async def test_the_topology_is_gone_after_an_error_too(self, broker: Broker) -> None:
        target = self.target(broker)
        queues = queue_names(2)
        with pytest.raises(ZeroDivisionError):
            async with asyncio.timeout(LIMIT_S), self.client.topology(target, queues):
                await self.publish(target, queues[0], [b"left behind"] * 3)
                raise ZeroDivisionError
        for queue in queues:
            assert await self.gone(broker, queue), f"{queue} is still there"

    async def test_the_depth_is_the_brokers_word(self, broker: Broker) -> None:
        target = self.target(broker)
        queues = queue_names(2)
        async with asyncio.timeout(LIMIT_S), self.client.topology(target, queues) as depth:
            if depth is None:
                pytest.skip(f"{self.protocol} has no way to ask for it")
            assert await depth() == 0
            for queue, count in zip(queues, (2, 3), strict=True):
                await self.publish(target, queue, [b"waits"] * count)
            held = await depth()
            if target.acknowledged:
                assert held == 5

    async def test_a_worker_runs_a_case_of_mixed_sizes_and_closes(self, broker: Broker) -> None:
        """What all tests above have in this process, in one of its own."""
        mix = Mix.parse("100:70+1000-4000:25+64kB:5")
        loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
        scenario = Scenario(
            guarantee=self.guarantee, producers=2, consumers=2, queues=2, payload_mix=mix, in_flight=10
        )
        order = {
            "do": "connect",
            "adapter": self.adapter,
            "loop": loop,
            "url": broker.url,
            "queues": queue_names(2),
            "scenario": scenario.to_json(),
            "limit_s": STANDSTILL_S,
        }
        async with LocalEngine().worker(sys.executable, {}) as worker:
            answer = await worker.ask(order, LIMIT_S)
            assert answer["loop"].startswith(loop)
            sample = (await worker.ask({"do": "slice", "messages": 200}, LIMIT_S))["sample"]
            assert "closed" in await worker.ask({"do": "close"}, LIMIT_S)
        assert Account(**sample["account"]) == Account(received=200)

    # What the tests share.

    def target(self, broker: Broker, **changes: Any) -> Target:
        words: dict[str, Any] = {
            "url": broker.url,
            "guarantee": self.guarantee,
            "prefetch": 10,
            "in_flight": 1,
            "ack_every": 1,
            "persistent": False,
            "delivery": self.delivery,
        }
        return Target(**{**words, **changes})

    @property
    def guarantee(self) -> Any:
        """The stronger one of those that the client can give."""
        guarantees = self.client.abilities.guarantees
        return "at-least-once" if "at-least-once" in guarantees else guarantees[0]

    def need_acknowledgements(self) -> None:
        if "at-least-once" not in self.client.abilities.guarantees:
            pytest.skip(f"{self.client.abilities.distribution} cannot give at-least-once")

    def need_redelivery(self) -> None:
        self.need_acknowledgements()
        if not self.redelivers:
            pytest.skip(f"{self.protocol} does not deliver again what was not acknowledged")

    async def drive(
        self, broker: Broker, scenario: Scenario, *, messages: int = 300, turns: int = 2
    ) -> Sequence[Sample]:
        """Clean turns of a case; of one that the client cannot do, that it is refused with the reason."""
        client, scenario = self.client, scenario.with_fields({"delivery": self.delivery})
        why = client.abilities.shortfall(scenario)
        if why is not None:
            with pytest.raises(UnsupportedError) as refused:
                async with driven(client, broker, scenario):
                    pass
            assert str(refused.value) == why
            return []
        async with driven(client, broker, scenario) as driver:
            samples = [await driver.slice(messages) for _ in range(turns)]
        copies = scenario.consumers if scenario.fan_out else 1
        assert [replace(sample.account, requeued=0) for sample in samples] == [
            Account(received=copies * messages)
        ] * turns
        return samples

    async def failure(
        self,
        client: Client,
        broker: Broker,
        scenario: Scenario,
        between: Callable[[], None] | None = None,
    ) -> BaseException:
        """How a case ends that cannot end well; ``between`` is called between two turns."""
        scenario = scenario.with_fields({"delivery": self.delivery})
        try:
            async with driven(client, broker, scenario) as driver:
                if between is not None:
                    await driver.slice(50)
                    between()
                await driver.slice(3_000)
        except Exception as error:  # noqa: BLE001  # which one it is, is the question
            return first(error)
        pytest.fail("the case went on as if nothing had happened")

    @asynccontextmanager
    async def queue(self, target: Target) -> AsyncIterator[str]:
        (name,) = queue_names(1)
        async with self.client.topology(target, [name]):
            yield name

    async def publish_with(self, publish: Publishing, body: bytes) -> None:
        await awaited(publish, self.client.abilities.publishing)(body)

    async def publish(self, target: Target, queue: str, bodies: Sequence[bytes]) -> None:
        async with asyncio.timeout(LIMIT_S), self.client.producer(target, queue) as publish:
            for body in bodies:
                await self.publish_with(publish, body)

    def copy_to(self, seen: list[bytes]) -> Receive:
        return lambda body: seen.append(bytes(body))

    async def expect(self, target: Target, queue: str, bodies: Sequence[bytes]) -> None:
        """A new consumer gets these bodies, in any order, and is rid of them."""
        seen: list[bytes] = []
        async with asyncio.timeout(2 * LIMIT_S), self.client.consumer(target, queue, self.copy_to(seen)):
            await until(lambda: len(seen) >= len(bodies), lambda: f"{seen} came, not {bodies}")
        assert sorted(seen) == sorted(bodies)
