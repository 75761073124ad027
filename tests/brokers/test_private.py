"""Private brokers, native and embedded: they answer, keep to themselves, and are gone whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
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
from bench.brokers.rabbitmq import ATTEMPTS, PORT_TAKEN, Installed, NativeRabbitmq
from bench.errors import BrokerError

from .conftest import below, eventually, needed

EITHER = pytest.mark.parametrize(
    "spec", [pytest.param("native", marks=pytest.mark.real_broker), pytest.param("embedded")]
)
GONE_LIMIT_S = 10.0
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


@pytest.mark.real_broker
@pytest.mark.usefixtures("native_rabbitmq")
class TestNativeRabbitmq:
    def test_it_is_found_with_its_version(self) -> None:
        installed = Installed.find()
        assert installed.server.name == "rabbitmq-server"
        assert installed.version[0].isdigit()
        assert NativeRabbitmq().find().detail == installed.version

    async def test_its_metered_process_is_the_virtual_machine_itself(self, node: Broker) -> None:
        (pid,) = node.pids
        assert "beam" in psutil.Process(pid).name()
        assert psutil.Process(pid).cpu_times().user > 0.1

    async def test_it_reads_nothing_of_the_system_and_nothing_of_our_environment(self, node: Broker) -> None:
        process = psutil.Process(node.pids[0])
        environment = process.environ()
        assert "/nonsense" not in environment.values()
        own = (environment["HOME"], str(Installed.find().server.parent.parent))
        opened = [file.path for file in process.open_files()]
        assert opened
        assert all(path.startswith(own) for path in opened)

    async def test_a_port_that_is_taken_meanwhile_is_replaced(
        self, room: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        choose, said = ports.free_ports, list[str]()
        with socket.socket() as thief:
            thief.bind(("127.0.0.1", 0))
            thief.listen()
            taken = thief.getsockname()[1]
            choices = iter([(*choose(2), taken), (taken, *choose(2)), choose(3)])  # epmd's, AMQP's, none
            monkeypatch.setattr(ports, "free_ports", lambda _: next(choices))
            async with open_broker("native", "amqp", say=said.append) as broker:
                assert broker.last_words() is None
        assert said[1:] == ["another process took one of its ports meanwhile; starting it on others"] * 2

    async def test_ports_that_are_taken_again_and_again_are_an_error(
        self, room: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        choose, said = ports.free_ports, list[str]()
        with socket.socket() as thief:
            thief.bind(("127.0.0.1", 0))
            thief.listen()
            monkeypatch.setattr(ports, "free_ports", lambda _: (*choose(2), thief.getsockname()[1]))
            with pytest.raises(BrokerError, match="did not start: epmd ended with exit code 0"):
                async with open_broker("native", "amqp", say=said.append):
                    pytest.fail("it started")
        assert len(said) == ATTEMPTS

    async def test_a_node_that_dies_at_its_start_shows_the_end_of_its_log(
        self, room: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bench.brokers.rabbitmq.ERLANG_FLAGS", "-kernel no_such_setting '")
        with pytest.raises(BrokerError) as caught:
            async with open_broker("native", "amqp"):
                pytest.fail("it started")
        first, *log = str(caught.value).splitlines()
        assert first.startswith(
            "no native rabbitmq: the private RabbitMQ node did not start: rabbitmq-server "
        )
        assert first.endswith("; the end of its log:")
        assert any("unterminated atom" in line for line in log)

    async def test_a_node_that_is_never_ready_is_given_up(
        self, room: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bench.brokers.rabbitmq.START_LIMIT_S", 0.5)
        with pytest.raises(BrokerError, match=r"did not start: it let nobody log in within 0.5 s"):
            async with open_broker("native", "amqp"):
                pytest.fail("it started")


class TestMissingRabbitmq:
    @pytest.fixture
    def nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A machine with nothing on PATH but a folder of ours."""
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr("bench.brokers.rabbitmq.PLACES", ())
        return tmp_path

    def install(self, folder: Path, version: str) -> None:
        """As the tarball does: <home>/sbin/rabbitmq-server and <home>/plugins/rabbit-<version>."""
        (folder / "home" / "sbin").mkdir(parents=True)
        (folder / "home" / "plugins" / f"rabbit-{version}").mkdir(parents=True)
        (folder / "home" / "sbin" / "rabbitmq-env").touch()
        (folder / "home" / "sbin" / "rabbitmq-server").touch(mode=0o755)
        (folder / "rabbitmq-server").symlink_to(folder / "home" / "sbin" / "rabbitmq-server")

    async def test_it_is_said_with_the_command_that_installs_it(self, nothing: Path) -> None:
        with pytest.raises(BrokerError) as caught:
            async with open_broker("native", "amqp"):
                pytest.fail("it started")
        assert str(caught.value) == (
            "no native rabbitmq: rabbitmq-server is not installed; "
            "to mend it: sudo apt-get install rabbitmq-server"
        )

    def test_a_version_that_is_too_old_is_said(self, nothing: Path) -> None:
        self.install(nothing, "3.7.28")
        assert NativeRabbitmq().find().detail == "rabbitmq-server 3.7.28 is too old; 3.8 or newer is needed"

    def test_a_missing_erlang_is_said(self, nothing: Path) -> None:
        self.install(nothing, "4.2.9")
        assert NativeRabbitmq().find().detail == "Erlang's erl is not on PATH"
        (nothing / "erl").touch(mode=0o755)
        assert NativeRabbitmq().find().detail == "Erlang's epmd is not there"
        (nothing / "epmd").touch(mode=0o755)
        assert NativeRabbitmq().find().detail == "4.2.9"

    def test_a_wrapper_that_changes_the_user_is_not_taken_for_the_server(self, nothing: Path) -> None:
        self.install(nothing, "4.2.9")
        wrapper = nothing / "home" / "sbin" / "rabbitmq-script-wrapper"
        wrapper.touch(mode=0o755)
        (nothing / "rabbitmq-server").unlink()
        (nothing / "rabbitmq-server").symlink_to(wrapper)
        assert NativeRabbitmq().find().detail == "rabbitmq-server is not installed"


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


@pytest.mark.parametrize(
    "line",
    [
        "Failed to start Ranch listener {acceptor,{127,0,0,1},44317} for reason eaddrinuse",
        '{failed_to_start_child,prelaunch,{dist_port_already_used,44317,not_erlang,"localhost"}}',
        "epmd ended with exit code 0",
    ],
)
def test_a_taken_port_is_read_from_what_a_node_says(line: str) -> None:
    assert PORT_TAKEN.search(line)


def test_ports_that_are_free_are_different_ones() -> None:
    assert len(set(ports.free_ports(50))) == 50
