"""Kafka: a private node, the mock cluster, somebody else's cluster and all that can be wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bench.brokers import list_brokers, open_broker
from bench.brokers.compose import COMPOSE_FILE, image_of
from bench.brokers.kafka import apache, jars
from bench.brokers.kafka.address import KafkaAddress
from bench.brokers.kafka.metadata import look
from bench.brokers.ports import free_ports
from bench.errors import BrokerError, UsageError

from . import peers
from .conftest import below, eventually, needed

ROOT = Path(__file__).parent.parent.parent
GONE_LIMIT_S = 20.0
HOLD = """
import asyncio, sys
from bench.brokers import open_broker

async def hold():
    async with open_broker(sys.argv[1], "kafka") as broker:
        print(*broker.pids, flush=True)
        await asyncio.sleep(100)

asyncio.run(hold())
"""
PRIVATE = [("native", "kafka"), ("embedded", "librdkafka-mock")]


def text(words: str) -> bytes:
    return struct.pack(">h", len(words)) + words.encode()


def names(*ports: int) -> peers.Talk:
    """Answers one request for metadata as a broker whose cluster is at these ports."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        correlation = (await reader.readexactly(size))[4:8]
        brokers = b"".join(
            struct.pack(">i", index) + text("127.0.0.1") + struct.pack(">ih", port, -1)
            for index, port in enumerate(ports)
        )
        answer = correlation + struct.pack(">ii", 0, len(ports)) + brokers + text("some cluster") + bytes(8)
        writer.write(struct.pack(">i", len(answer)) + answer)
        await writer.drain()

    return talk


async def complaint(*ports: int) -> str:
    with pytest.raises(BrokerError) as caught:
        async with open_broker(f"kafka://{','.join(f'127.0.0.1:{port}' for port in ports)}", "kafka"):
            pytest.fail("it was taken for a cluster")
    assert caught.value.exit_code == (2 if "advertised" in str(caught.value) else 5)
    return str(caught.value)


class TestAddresses:
    def test_several_servers_are_one_address(self) -> None:
        assert KafkaAddress.parse("kafka://one,two:9093,[::1]:9094").url == (
            "kafka://one:9092,two:9093,[::1]:9094"
        )

    def test_a_cluster_behind_tls_has_a_scheme_of_its_own(self) -> None:
        address = KafkaAddress.parse("kafka+ssl://one:9093,two")
        assert (address.tls, address.url) == (True, "kafka+ssl://one:9093,two:9092")

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("kafka://", "'' is not HOST:PORT"),
            ("kafka://one:99999", "the port of 'one:99999' must be a number from 1 to 65535"),
            ("kafka://one:x,,two", "'one:x' is not HOST:PORT; '' is not HOST:PORT"),
            ("kafka://one/topic", "nothing may follow its servers"),
            ("kafka://one?acks=0", "nothing may follow its servers"),
            ("kafka://me:s3cret@one", "it names a user, and mqbench logs in to no Kafka"),
        ],
    )
    def test_what_is_no_address_is_said_without_a_password(self, url: str, words: str) -> None:
        with pytest.raises(UsageError, match=re.escape(words)) as caught:
            KafkaAddress.parse(url)
        assert "s3cret" not in str(caught.value)


class TestSomebodyElses:
    async def test_a_closed_port_is_said_with_the_command_that_starts_a_broker(self) -> None:
        (port,) = free_ports(1)
        assert await complaint(port) == (
            f"no broker at kafka://127.0.0.1:{port} (connection refused); "
            "start one with: docker compose up -d --wait kafka"
        )

    async def test_an_unknown_host_is_said(self) -> None:
        with pytest.raises(BrokerError, match="no host has that name"):
            await look(KafkaAddress.parse("kafka://nowhere.invalid:9092"))

    async def test_a_server_that_never_answers_is_given_up(self) -> None:
        async with peers.listening(peers.silence) as port:
            address = KafkaAddress.parse(f"kafka://127.0.0.1:{port}")
            with pytest.raises(
                BrokerError, match=r"no answer from .* within 0\.2 s; is it a broker of Kafka"
            ):
                await look(address, limit_s=0.2)

    @pytest.mark.parametrize(
        ("reply", "words"),
        [
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not a broker of Kafka"),
            (b"\x15\x03\x03\x00\x02\x02\x0a", "hung up instead of answering; is it a broker of Kafka"),
            (b"", "hung up instead of answering; is it a broker of Kafka, and without TLS?"),
            (b"\x00\x00\x00\x08mqbe\x00\x00\x00\x00", "is not a broker of Kafka"),
        ],
    )
    async def test_another_kind_of_server_is_told_apart(self, reply: bytes, words: str) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1024)
            writer.write(reply)
            await writer.drain()
            writer.close()

        async with peers.listening(talk) as port:
            assert words in await complaint(port)

    async def test_a_cluster_without_brokers_is_said(self) -> None:
        async with peers.listening(names()) as port:
            assert "its cluster has no brokers yet" in await complaint(port)

    async def test_an_advertised_listener_that_cannot_be_reached_is_said(self) -> None:
        (closed,) = free_ports(1)
        async with peers.listening(peers.silence) as there, peers.listening(names(there, closed)) as port:
            assert await complaint(port) == (
                f"kafka://127.0.0.1:{port} answers, but sends clients on to 127.0.0.1:{closed}, which cannot "
                "be reached from here (connection refused); correct its advertised.listeners"
            )

    async def test_one_server_of_several_that_answers_is_enough_and_none_is_said_of_each(self) -> None:
        closed, other = free_ports(2)
        async with peers.listening(peers.silence) as there, peers.listening(names(there)) as port:
            url = f"kafka://127.0.0.1:{closed},127.0.0.1:{port}"
            async with open_broker(url, "kafka") as broker:
                assert (broker.origin, broker.kind, broker.url, broker.pids) == ("external", "kafka", url, ())
        said = await complaint(closed, other)
        assert f":{closed} (connection refused)" in said
        assert f":{other} (connection refused)" in said


class TestWhatIsHere:
    @pytest.fixture(autouse=True)
    def _elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.delenv("KAFKA_HOME", raising=False)

    def reason(self) -> str:
        (found,) = (each for each in list_brokers() if (each.origin, each.kind) == ("native", "kafka"))
        assert not found.available
        assert found.mend == "scripts/kafka-jars"
        return found.detail

    def test_without_jars_the_command_that_gets_them_is_said(self) -> None:
        assert self.reason() == "its jars are not here"

    def test_a_home_without_kafka_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
        assert self.reason() == f"KAFKA_HOME has no Kafka in {tmp_path / 'libs'}"

    def test_a_kafka_that_is_too_old_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "libs").mkdir()
        (tmp_path / "libs" / "kafka_2.13-3.9.1.jar").touch()
        monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
        assert self.reason() == "Kafka 3.9.1 is too old; 4.0 or newer is needed"

    def test_a_java_that_is_too_old_or_missing_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        jars.cache().mkdir(parents=True)
        (jars.cache() / f"kafka_2.13-{jars.VERSION}.jar").touch()
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
        assert self.reason() == "Java 17 is not installed"
        java = tmp_path / "java" / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.touch(0o755)
        (tmp_path / "java" / "release").write_text('JAVA_VERSION="11.0.2"\n')
        assert self.reason() == "Java 11 is too old; 17 or newer is needed"


class TestOneVersionAndOneSetOfSettings:
    def test_jars_and_container_are_of_one_version(self) -> None:
        script = (ROOT / "scripts" / "kafka-jars").read_text()
        assert f"\nversion={jars.VERSION}\n" in script
        assert image_of("kafka") == f"apache/kafka:{jars.VERSION}"

    def test_the_container_has_the_settings_of_the_private_node(self) -> None:
        service = COMPOSE_FILE.read_text().partition("\n  kafka:\n")[2]
        for name, value in apache.SETTINGS.items():
            variable = f"KAFKA_{name.replace('.', '_').upper()}"
            assert re.search(rf'^      {variable}: "?{re.escape(value)}"?$', service, re.MULTILINE), variable


@contextlib.contextmanager
def harness(spec: str, room: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A process that holds such a broker, and the broker's processes."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, spec],
        env={**os.environ, "TMPDIR": str(room), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, list(map(int, process.stdout.readline().split()))
        finally:
            process.kill()


@pytest.mark.real_broker
@pytest.mark.parametrize(("origin", "kind"), PRIVATE)
class TestPrivate:
    @pytest.fixture(autouse=True)
    def _here(self, origin: str, kind: str) -> None:
        needed(origin, kind)

    async def test_it_answers_and_is_gone_afterwards(self, origin: str, kind: str, room: Path) -> None:
        async with open_broker(f"{origin}:{kind}", "kafka") as broker:
            await look(KafkaAddress.parse(broker.url))
            assert broker.last_words() is None
            assert [psutil.pid_exists(pid) for pid in broker.pids] == [True]
            assert re.fullmatch(r"\d+\.\d+\.\d+", broker.version)
        assert broker.last_words() is not None

    async def test_being_killed_is_noticed_and_said(self, origin: str, kind: str, room: Path) -> None:
        async with open_broker(f"{origin}:{kind}", "kafka") as broker:
            os.kill(broker.pids[0], signal.SIGKILL)
            await eventually(lambda: broker.last_words() not in {None, "it ended"})
            assert "was killed by SIGKILL" in (broker.last_words() or "")

    async def test_nothing_of_it_survives_a_harness_that_is_killed(
        self, origin: str, kind: str, room: Path
    ) -> None:
        with harness(f"{origin}:{kind}", room) as (process, pids):
            assert pids
            process.kill()
            process.wait()
            await eventually(lambda: not below(room) and not list(room.iterdir()), GONE_LIMIT_S)
            assert not any(map(psutil.pid_exists, pids))


@pytest.mark.real_broker
async def test_a_node_that_does_not_start_says_its_last_words(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed("native", "kafka")
    monkeypatch.setitem(apache.SETTINGS, "node.id", "minus one")
    with pytest.raises(BrokerError, match="the private Apache Kafka did not start") as caught:
        async with open_broker("native:kafka", "kafka"):
            pytest.fail("it started")
    assert "minus one" in str(caught.value)


@pytest.mark.real_broker
async def test_auto_takes_the_real_one(room: Path) -> None:
    needed("native", "kafka")
    async with open_broker("auto", "kafka") as broker:
        assert (broker.origin, broker.kind) == ("native", "kafka")
