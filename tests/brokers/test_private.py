"""Private brokers, native and embedded: they answer, keep to themselves, and are gone whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from bench.brokers import Broker, open_broker, ports
from bench.brokers.address import Address
from bench.brokers.handshake import log_in
from bench.errors import BrokerError

from .conftest import below, eventually, needed

EITHER = pytest.mark.parametrize(
    "spec", [pytest.param("native", marks=pytest.mark.real_broker), pytest.param("embedded")]
)
GONE_LIMIT_S = 20.0
HOLD = (
    "import asyncio, json, sys\n"
    "from bench.brokers import open_broker\n"
    "async def main():\n"
    "    async with open_broker(sys.argv[1], 'amqp') as broker:\n"
    "        print(json.dumps(broker.pids), flush=True)\n"
    "        await asyncio.sleep(600)\n"
    "asyncio.run(main())\n"
)


@pytest.fixture(autouse=True)
def here(request: pytest.FixtureRequest) -> None:
    """The parameter ``spec`` names brokers that this machine has."""
    spec = getattr(request.node, "callspec", None) and request.node.callspec.params.get("spec")
    if spec == "native":
        needed("native", "rabbitmq")


@contextmanager
def harness(spec: str, room: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A process that holds a broker open, and the broker's pids."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, spec],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(room)},
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def assert_gone(room: Path) -> None:
    deadline = time.monotonic() + GONE_LIMIT_S
    while (left := [*room.iterdir(), *map(repr, below(room))]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


@EITHER
class TestWhatIsPrivate:
    """On one broker for all of them."""

    @pytest.fixture
    def broker(self, spec: str, request: pytest.FixtureRequest) -> Broker:
        found: Broker = request.getfixturevalue("node" if spec == "native" else "stand")
        return found

    def processes(self, broker: Broker) -> list[psutil.Process]:
        supervisor = psutil.Process(broker.pids[0]).parent()
        assert supervisor is not None
        return [each for each in supervisor.children(recursive=True) if each.status() != psutil.STATUS_ZOMBIE]

    async def test_it_answers_to_its_own_password_only(self, broker: Broker, spec: str) -> None:
        address = Address.parse(broker.url)
        assert broker.origin == spec
        assert broker.last_words() is None
        assert (await log_in(address)).version in broker.version
        with pytest.raises(BrokerError, match="refused the log-in"):
            await log_in(Address.parse(f"amqp://guest:guest@127.0.0.1:{address.port}/"))

    def test_its_password_is_shown_nowhere(self, broker: Broker) -> None:
        password = Address.parse(broker.url).password
        assert len(password) > 20
        assert password not in repr(broker)
        assert not any(password in word for each in self.processes(broker) for word in each.cmdline())

    def test_it_listens_on_loopback_only(self, broker: Broker) -> None:
        listening = [
            connection.laddr.ip
            for process in self.processes(broker)
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening
        assert set(listening) <= {"127.0.0.1", "::1"}


@EITHER
async def test_being_killed_is_noticed_and_said(spec: str, room: Path) -> None:
    async with open_broker(spec, "amqp") as broker:
        os.kill(broker.pids[0], signal.SIGKILL)
        await eventually(lambda: broker.last_words() not in {None, "it ended"})
        words = broker.last_words() or ""
        assert words.endswith("was killed by SIGKILL")
        assert Address.parse(broker.url).password not in words


@EITHER
def test_nothing_of_it_survives_a_harness_that_is_killed(spec: str, room: Path) -> None:
    with harness(spec, room) as (process, pids):
        assert len(below(room)) > 1
        process.kill()
        process.wait()
        assert_gone(room)
        assert not any(map(psutil.pid_exists, pids))


@EITHER
def test_interrupted_from_the_keyboard_it_is_gone_when_the_harness_is(spec: str, room: Path) -> None:
    with harness(spec, room) as (process, _):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
        _, said = process.communicate(timeout=GONE_LIMIT_S)
        assert said.rstrip().endswith(b"KeyboardInterrupt")
        assert list(room.iterdir()) == []
        assert below(room) == []


@EITHER
@pytest.mark.parametrize("pause_s", [0.2, 1.5])
async def test_cancelled_while_it_starts_it_is_gone(spec: str, pause_s: float, room: Path) -> None:
    async def hold() -> None:
        async with open_broker(spec, "amqp"):
            await asyncio.sleep(60)

    task = asyncio.create_task(hold())
    await asyncio.sleep(pause_s)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(room.iterdir()) == []
    assert below(room) == []


@EITHER
async def test_two_at_once_do_not_know_of_each_other(spec: str, room: Path) -> None:
    async with AsyncExitStack() as stack:
        opening = [stack.enter_async_context(open_broker(spec, "amqp")) for _ in range(2)]
        first, second = await asyncio.gather(*opening)
        with pytest.raises(BrokerError, match="refused the log-in"):
            stolen = Address.parse(first.url).port
            await log_in(Address.parse(second.url.rpartition(":")[0] + f":{stolen}/"))
        os.kill(first.pids[0], signal.SIGKILL)
        await asyncio.sleep(0.2)
        assert first.last_words() is not None
        assert second.last_words() is None
        await log_in(Address.parse(second.url))


class TestEmbedded:
    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("raise SystemExit('the port is on fire')", "the port is on fire"),
            ("print('no JSON')", "it said:\n  no JSON"),
            ("print('[]')", "it said:\n  []"),
            ("import os; print(os.environ['MQBENCH_AMQP_PASSWORD'])", "it said:\n  …"),
        ],
    )
    async def test_a_start_that_fails_is_said(
        self, code: str, words: str, room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "broken_broker.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr("bench.brokers.embedded.MODULE", "broken_broker")
        with pytest.raises(BrokerError, match="the embedded AMQP broker did not start") as caught:
            async with open_broker("embedded", "amqp"):
                pytest.fail("it started")
        assert words in str(caught.value)


def test_ports_that_are_free_are_different_ones() -> None:
    assert len(set(ports.free_ports(50))) == 50
