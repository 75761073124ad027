"""MQTT brokers that somebody else runs: each way in which they can be unusable is one sentence."""

from __future__ import annotations

import asyncio
import ssl
import traceback
from pathlib import Path

import pytest

from bench.brokers import Broker, open_broker
from bench.brokers.mqtt import handshake
from bench.brokers.mqtt.address import MqttAddress
from bench.brokers.ports import free_ports
from bench.errors import BrokerError, UsageError

from . import peers
from .conftest import needed

CERTIFICATE = Path(__file__).parent / "throwaway-certificate.pem"
WELCOME_5, WELCOME_311 = b"\x20\x03\x00\x00\x00", b"\x20\x02\x00\x00"


def connack(reason: int, *, old: bool = False) -> bytes:
    return b"\x20\x02\x00" + bytes([reason]) if old else b"\x20\x03\x00" + bytes([reason]) + b"\x00"


def answers(*replies: bytes) -> peers.Talk:
    """Sends each in turn, one for each packet that comes in, and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            head = await reader.readexactly(2)
            await reader.readexactly(head[1])
            writer.write(reply)
            await writer.drain()
        writer.close()

    return talk


def speaks_old_only(then: bytes) -> peers.Talk:
    """Refuses version 5 in words that 3.1.1 has; answers 3.1.1 with ``then``."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(2)
        body = await reader.readexactly(head[1])
        writer.write(connack(1, old=True) if body[6] == 5 else then)
        await writer.drain()
        if body[6] == 4:
            await reader.read()

    return talk


async def complaint(url: str) -> str:
    """What is said about a broker at the URL, and never with the password, wherever one may look."""
    with pytest.raises(BrokerError) as caught:
        async with open_broker(url, "mqtt"):
            pytest.fail("it let us in")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


async def about(talk: peers.Talk, scheme: str = "mqtt") -> str:
    async with peers.listening(talk) as port:
        said = await complaint(f"{scheme}://me:s3cret@127.0.0.1:{port}")
        assert f"{scheme}://…@127.0.0.1:{port}" in said
        return said


async def test_a_closed_port_is_said_with_the_command_that_starts_a_broker() -> None:
    (port,) = free_ports(1)
    assert await complaint(f"mqtt://me:s3cret@127.0.0.1:{port}") == (
        f"no broker at mqtt://…@127.0.0.1:{port} (connection refused); "
        "start one with: docker compose up -d --wait mosquitto"
    )


async def test_an_unknown_host_is_said() -> None:
    assert "(no host has that name)" in await complaint("mqtt://nowhere.invalid")


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handshake.log_in.__kwdefaults__ is not None
    monkeypatch.setitem(handshake.log_in.__kwdefaults__, "limit_s", 0.2)
    assert "within 0.2 s; is it overloaded" in await about(peers.silence)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not an MQTT server"),
        (b"-ERR unknown command\r\n", "is not an MQTT server"),
        (b"AMQP\x00\x00\x09\x01", "is not an MQTT server"),
        (b"\x20\x01", "is not an MQTT server"),
        (b"\x15\x03\x03\x00\x02\x02\x0a", "wants TLS; use mqtts://"),
        (b"", "hung up without an answer; is it an MQTT broker"),
        (connack(0x86), "refused the log-in; check user name and password"),
        (connack(0x87), "refused the log-in; check user name and password"),
        (connack(0x89), "refused the connection: server busy"),
        (connack(0xEE), "refused the connection: reason 0xee"),
    ],
)
async def test_each_answer_that_is_no_welcome_has_its_own_words(reply: bytes, words: str) -> None:
    assert words in await about(answers(reply))


@pytest.mark.parametrize("reason", [4, 5])
async def test_an_older_broker_refuses_a_log_in_in_its_own_numbers(reason: int) -> None:
    talk = speaks_old_only(connack(reason, old=True))
    assert "refused the log-in; check user name and password" in await about(talk)


async def test_a_broker_that_knows_neither_version_is_said() -> None:
    assert "speaks neither MQTT 5 nor MQTT 3.1.1" in await about(speaks_old_only(connack(1, old=True)))


async def test_a_broker_of_3_1_1_is_used_in_3_1_1() -> None:
    async with (
        peers.listening(speaks_old_only(WELCOME_311)) as port,
        open_broker(f"mqtt://me:s3cret@127.0.0.1:{port}", "mqtt") as broker,
    ):
        assert broker.url == f"mqtt://me:s3cret@127.0.0.1:{port}?version=3.1.1"
        assert (broker.kind, broker.version) == ("mqtt", "speaks MQTT 3.1.1")
        assert "s3cret" not in repr(broker) + broker.shown_url


async def test_a_broker_that_goes_away_is_noticed() -> None:
    async with peers.listening(answers(WELCOME_5)) as port:
        opening = open_broker(f"mqtt://127.0.0.1:{port}", "mqtt")
        broker = await opening.__aenter__()
        assert broker.last_words() is None
    assert broker.last_words() == "it accepts no connection any more (connection refused)"
    await opening.__aexit__(None, None, None)


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


async def test_a_certificate_that_is_not_trusted_is_said_with_what_to_do() -> None:
    async with peers.listening(answers(WELCOME_5), ssl=server_context()) as port:
        said = await complaint(f"mqtts://me:s3cret@127.0.0.1:{port}")
    assert f"no TLS with mqtts://…@127.0.0.1:{port}: self-signed certificate; set SSL_CERT_FILE" in said


async def test_a_trusted_certificate_lets_us_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with (
        peers.listening(answers(WELCOME_5), ssl=server_context()) as port,
        open_broker(f"mqtts://127.0.0.1:{port}", "mqtt") as broker,
    ):
        assert broker.url == f"mqtts://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mqtt://", "it names no host"),
        ("mqtt://h:0", "its port must be a number from 1 to 65535"),
        ("mqtt://h:port", "its port must be a number from 1 to 65535"),
        ("mqtt://h/path", "it has a path, which means nothing in MQTT"),
        ("mqtt://me:s3c#ret@h", "it has a fragment"),
        ("mqtt://h?version=4", "its version must be one of 5, 3.1.1"),
        ("mqtt://h?receive_maximum=70000", "its receive_maximum must be a number up to 65535"),
        ("mqtt://h?retain=yes", "it has options that there are not: retain"),
        ("mqtt://[h", "is not a URL"),
    ],
)
async def test_an_address_that_is_none_is_refused(url: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        async with open_broker(url, "mqtt"):
            pass
    assert words in str(refused.value)
    assert "s3c" not in str(refused.value)


async def test_an_address_of_another_protocol_is_refused() -> None:
    with pytest.raises(UsageError, match=r"mqtt://…@h is an address for mqtt, and the client speaks amqp"):
        async with open_broker("mqtt://me:s3cret@h", "amqp"):
            pass


@pytest.mark.parametrize(
    "url",
    [
        "mqtt://h:1883",
        "mqtts://me:p%40ss%2F@[::1]:8884",
        "mqtt://h:1?version=3.1.1",
        "mqtt://h:1?version=3.1.1&receive_maximum=7",
    ],
)
def test_an_address_survives_being_taken_apart(url: str) -> None:
    assert MqttAddress.parse(url).url == url


def test_an_address_has_the_ports_of_the_protocol() -> None:
    assert [MqttAddress.parse(url).port for url in ("mqtt://h", "mqtts://h")] == [1883, 8883]


@pytest.mark.real_broker
class TestRealMosquitto:
    @pytest.fixture(autouse=True)
    def native(self) -> None:
        needed("native", "mosquitto")

    async def test_it_says_what_it_is_and_refuses_a_wrong_password(self) -> None:
        async with open_broker("native", "mqtt") as started:
            async with open_broker(started.url, "mqtt") as broker:
                assert (broker.kind, broker.version) == ("mosquitto", started.version)
                assert broker.origin == "external"
            host = started.url.rpartition("@")[2]
            said = await complaint(f"mqtt://mqbench:s3cret@{host}")
            assert said == f"mqtt://…@{host} refused the log-in; check user name and password"
            said = await complaint(f"mqtt://{host}")
            assert said == f"mqtt://{host} refused the log-in; check user name and password"
            assert_unharmed(started)


def assert_unharmed(broker: Broker) -> None:
    assert broker.last_words() is None
