"""Brokers that somebody else runs: each way in which they can be unusable is one sentence."""

from __future__ import annotations

import asyncio
import ssl
import traceback
from pathlib import Path

import pytest
from pamqp import commands

from bench.brokers import Broker, handshake, open_broker
from bench.brokers.ports import free_ports
from bench.errors import BrokerError, UsageError

from . import peers

CERTIFICATE = Path(__file__).parent / "throwaway-certificate.pem"


async def complaint(url: str) -> str:
    """What is said about a broker at the URL, and never with the password, wherever one may look."""
    with pytest.raises(BrokerError) as caught:
        async with open_broker(url, "amqp"):
            pytest.fail("it let us in")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


async def about(talk: peers.Talk, scheme: str = "amqp") -> str:
    async with peers.listening(talk) as port:
        said = await complaint(f"{scheme}://me:s3cret@127.0.0.1:{port}/")
        assert f"{scheme}://…@127.0.0.1:{port}/" in said
        return said


async def test_a_closed_port_is_said_with_the_command_that_starts_a_broker() -> None:
    (port,) = free_ports(1)
    said = await complaint(f"amqp://me:s3cret@127.0.0.1:{port}/")
    assert said == (
        f"no broker at amqp://…@127.0.0.1:{port}/ (connection refused); "
        "start one with: docker compose up -d --wait rabbitmq"
    )


async def test_all_addresses_of_a_name_that_refuse_are_one_refusal() -> None:
    (port,) = free_ports(1)
    assert "(connection refused)" in await complaint(f"amqp://localhost:{port}/")


async def test_an_unknown_host_is_said() -> None:
    assert "(no host has that name)" in await complaint("amqp://nowhere.invalid/")


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(handshake.log_in.__kwdefaults__ or {}, "limit_s", 0.2)
    assert "within 0.2 s; is it overloaded" in await about(peers.silence)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not an AMQP server"),
        (b"-ERR", "is not an AMQP server"),
        (b"AMQP\x00\x01\x00\x00", "speaks another version of AMQP than 0-9-1"),
        (b"\x15\x03\x03\x00\x02\x02\x0a", "wants TLS; use amqps://"),
        (b"\x01\x00\x00\x00\x00\x00\x04\xff\xff\xff\xff\xce", "does not speak AMQP 0-9-1"),
    ],
)
async def test_another_kind_of_server_is_told_apart(reply: bytes, words: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(reply)
        await writer.drain()
        writer.close()

    assert words in await about(talk)


async def test_a_server_that_hangs_up_at_once_is_said() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)

    assert "hung up without a greeting" in await about(talk)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([peers.START], "refused the log-in; check user name and password"),
        ([peers.START, commands.Connection.Close(403, "no s3cret", 0, 0)], "refused the log-in; check user"),
        ([peers.START, commands.Connection.Close(541, "broken s3cret", 0, 0)], "541 broken …"),
        ([peers.START, commands.Connection.Secure("what?")], "asks for more than a password"),
        ([commands.Connection.Start(0, 9, {}, "EXTERNAL", "en_US")], "only: EXTERNAL"),
        ([peers.TUNE], "does not speak AMQP 0-9-1"),
        ([peers.START, peers.TUNE], "hung up when asked for its virtual host '/'"),
        (
            [peers.START, peers.TUNE, commands.Connection.Close(530, "vhost / not found", 0, 0)],
            "530 vhost / not",
        ),
        ([peers.START, peers.TUNE, peers.TUNE], "answered Connection.Tune instead of opening '/'"),
    ],
)
async def test_each_step_of_a_log_in_that_fails_has_its_own_words(script: list[object], words: str) -> None:
    assert words in await about(peers.answers(*script))


async def test_a_broker_that_lets_us_in_is_named_by_its_greeting() -> None:
    async with (
        peers.listening(peers.AMIABLE) as port,
        open_broker(f"amqp://me:s3cret@127.0.0.1:{port}/", "amqp") as broker,
    ):
        assert (broker.kind, broker.version, broker.origin, broker.pids) == (
            "some-mq",
            "1.2.3",
            "external",
            (),
        )
        assert broker.shown_url == f"amqp://…@127.0.0.1:{port}/"
        assert "s3cret" in broker.url
        assert "s3cret" not in repr(broker)


async def test_an_external_broker_that_goes_away_is_noticed() -> None:
    async with peers.listening(peers.AMIABLE) as port:
        opening = open_broker(f"amqp://127.0.0.1:{port}/", "amqp")
        broker = await opening.__aenter__()
        assert broker.last_words() is None
    assert broker.last_words() == "it accepts no connection any more (connection refused)"
    await opening.__aexit__(None, None, None)


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


async def test_a_certificate_that_is_not_trusted_is_said_with_what_to_do() -> None:
    async with peers.listening(peers.AMIABLE, ssl=server_context()) as port:
        said = await complaint(f"amqps://me:s3cret@127.0.0.1:{port}/")
    assert f"no TLS with amqps://…@127.0.0.1:{port}/: self-signed certificate; set SSL_CERT_FILE" in said


async def test_a_trusted_certificate_lets_us_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with (
        peers.listening(peers.AMIABLE, ssl=server_context()) as port,
        open_broker(f"amqps://127.0.0.1:{port}/", "amqp") as broker,
    ):
        assert broker.url.startswith("amqps://")


async def test_tls_with_a_server_that_has_none_is_said() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await reader.read()

    assert "does it listen for TLS on that port?" in await about(talk, "amqps")


async def test_an_address_of_another_protocol_is_refused() -> None:
    with pytest.raises(UsageError, match=r"amqp://…@h/ is an address for amqp, and the client speaks mqtt"):
        async with open_broker("amqp://me:s3cret@h/", "mqtt"):
            pass


@pytest.mark.real_broker
class TestRealRabbitmq:
    async def test_it_says_what_it_is(self, node: Broker) -> None:
        async with open_broker(node.url, "amqp") as broker:
            assert (broker.kind, broker.version) == ("rabbitmq", node.version)
            assert broker.last_words() is None

    async def test_wrong_password_is_one_sentence_without_the_password(self, node: Broker) -> None:
        host = node.url.rpartition("@")[2]
        said = await complaint(f"amqp://mqbench:s3cret@{host}")
        assert said == f"amqp://…@{host} refused the log-in; check user name and password"

    async def test_missing_virtual_host_is_said_in_its_own_words(self, node: Broker) -> None:
        said = await complaint(f"{node.url}nope")
        assert "refused virtual host 'nope': 530 NOT_ALLOWED - vhost nope not found" in said
        assert node.url.partition("@")[0].rpartition(":")[2] not in said
