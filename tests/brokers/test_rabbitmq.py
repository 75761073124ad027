"""The native RabbitMQ node: found where packages put it, private in all respects, clear about failures."""

from __future__ import annotations

import socket
from pathlib import Path

import psutil
import pytest

from bench.brokers import Broker, open_broker, ports
from bench.brokers.rabbitmq import ATTEMPTS, PORT_TAKEN, Installed, NativeRabbitmq
from bench.errors import BrokerError

from .conftest import needed


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

    @pytest.mark.parametrize(
        ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
    )
    def test_these_tests_are_skipped_without_it_and_fail_in_ci(
        self, ci: str, outcome: type[BaseException], nothing: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CI", ci)
        with pytest.raises(outcome, match="no native rabbitmq: rabbitmq-server is not installed"):
            needed("native", "rabbitmq")

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
