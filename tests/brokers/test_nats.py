"""NATS: addresses, what is said about servers that cannot be used, and private ones that leave nothing."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import ssl
import traceback
from pathlib import Path
from typing import Any

import pytest

from bench.brokers import nats, open_broker
from bench.brokers.compose import COMPOSE_FILE
from bench.brokers.nats import NATS
from bench.brokers.nats_server import MOST_PAYLOAD_BYTES, MOST_PENDING_BYTES
from bench.brokers.ports import free_ports
from bench.brokers.textual import TextAddress
from bench.errors import BrokerError, UsageError

from . import peers
from .conftest import needed

CERTIFICATE = Path(__file__).parent / "throwaway-certificate.pem"
ORIGINS = ("native", "embedded")


def greets(*answers: bytes, **about: Any) -> peers.Talk:
    """Says what it is, and what else it has to say once somebody has asked for it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO " + json.dumps({"version": "2.10.0", **about}).encode() + b"\r\n")
        while not (await reader.readline()).startswith(b"PING"):
            pass
        for answer in answers:
            writer.write(answer + b"\r\n")
        await writer.drain()
        await reader.read()

    return talk


def says(data: bytes) -> peers.Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return talk


async def complaint(url: str) -> str:
    """What is said about a server at the URL, and never with the password, wherever one may look."""
    with pytest.raises(BrokerError) as caught:
        async with open_broker(url, "nats"):
            pytest.fail("it let us in")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.exit_code == (2 if "too old" in str(caught.value) else 5)
    return str(caught.value)


async def about(talk: peers.Talk, scheme: str = "nats") -> str:
    async with peers.listening(talk) as port:
        return await complaint(f"{scheme}://me:s3cret@127.0.0.1:{port}")


@pytest.mark.parametrize("url", ["nats://h", "tls://me@h:1", "nats://me:p%23%2F@[::1]:4222"])
def test_an_address_survives_being_written_out(url: str) -> None:
    address = TextAddress.parse(url, NATS)
    assert TextAddress.parse(address.url, NATS) == address


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("nats://", "names no host"),
        ("nats://me:s3cret@h:99999", "its port must be a number from 1 to 65535"),
        ("nats://me:s3cret@h/queue", "a path, which means nothing in NATS"),
        ("nats://h?tls=1", "options after a"),
        ("nats://me:s3#cret@h", "is written %23"),
        ("nats://[h", "is not a URL"),
    ],
)
async def test_an_address_that_makes_no_sense_is_refused_with_its_problem(url: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        async with open_broker(url, "nats"):
            pass
    assert problem in str(caught.value)
    assert "s3" not in str(caught.value)


async def test_a_closed_port_is_said_with_the_command_that_starts_a_server() -> None:
    (port,) = free_ports(1)
    assert await complaint(f"nats://me:s3cret@127.0.0.1:{port}") == (
        f"no broker at nats://…@127.0.0.1:{port} (connection refused); "
        "start one with: docker compose up -d --wait nats"
    )


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = nats.log_in.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "limit_s", 0.2)
    assert "within 0.2 s" in await about(peers.silence)


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "is not a server of NATS"),
        (says(b"INFO nonsense\r\n"), "is not a server of NATS"),
        (says(b"INFO {}\r\n"), "is not a server of NATS"),
        (says(b""), "hung up without an answer; is it a server of NATS?"),
        (says(b"\x15\x03\x03\x00\x02\x02\x0a"), "wants TLS; use tls://"),
        (greets(tls_required=True), "wants TLS; use tls://"),
        (greets(b"-ERR 'Authorization Violation'"), "refused the log-in; check user name and password"),
        (greets(b"-ERR 'maximum connections; s3cret'"), "refused the connection: maximum connections; …"),
        (greets(b"+OK"), "is not a server of NATS"),
        (greets(b"PONG", version="2.1.9"), "nats-server 2.1.9 is too old; 2.9 or newer is needed"),
    ],
)
async def test_each_way_of_not_letting_us_in_has_its_own_words(talk: peers.Talk, words: str) -> None:
    assert words in await about(talk)


async def test_a_server_without_tls_is_told_apart() -> None:
    assert "does not listen for TLS; use nats://" in await about(greets(b"PONG"), "tls")


async def test_a_server_that_leaves_tls_to_the_client_is_refused_since_the_client_would_not_use_it() -> None:
    assert "offers TLS but does not demand it" in await about(greets(b"PONG", tls_available=True), "tls")


async def test_a_server_without_jetstream_is_said() -> None:
    said: list[str] = []
    async with (
        peers.listening(greets(b"INFO {}", b"PONG")) as port,
        open_broker(f"nats://127.0.0.1:{port}", "nats", say=said.append) as broker,
    ):
        assert (broker.kind, broker.origin, broker.version) == ("nats", "external", "2.10.0")
    assert any("has no JetStream: at-least-once cannot be measured there" in each for each in said)


async def test_tls_begins_after_the_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"version": "2.10.0", "tls_required": true}\r\n')
        await writer.start_tls(context)
        while not (await reader.readline()).startswith(b"PING"):
            pass
        writer.write(b"PONG\r\n")
        await reader.read()

    assert "self-signed certificate; set SSL_CERT_FILE" in await about(talk, "tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with peers.listening(talk) as port, open_broker(f"tls://127.0.0.1:{port}", "nats") as broker:
        assert broker.url == f"tls://127.0.0.1:{port}"


def test_the_service_has_the_settings_of_a_private_server() -> None:
    service = COMPOSE_FILE.read_text("utf-8").partition("\n  nats:\n")[2]
    assert re.search(rf"max_payload: {MOST_PAYLOAD_BYTES}\n +max_pending: {MOST_PENDING_BYTES}\n", service)


@pytest.mark.real_broker
@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_private_server_lets_us_in_and_nobody_else_and_is_gone(origin: str, room: Path) -> None:
    needed(origin, "nats")
    async with open_broker(f"{origin}:nats", "nats") as broker:
        assert broker.last_words() is None
        async with open_broker(broker.url, "nats") as seen:
            assert (seen.kind, seen.version) == ("nats", broker.version)
        said = await complaint(f"nats://mqbench:s3cret@{broker.url.rpartition('@')[2]}")
        assert "refused the log-in; check user name and password" in said


@pytest.mark.real_broker
@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_private_server_that_dies_is_noticed(origin: str, room: Path) -> None:
    needed(origin, "nats")
    async with open_broker(f"{origin}:nats", "nats") as broker:
        os.kill(broker.pids[-1], signal.SIGKILL)
        async with asyncio.timeout(10):
            while broker.last_words() is None:  # noqa: ASYNC110  # nobody says when a process is gone
                await asyncio.sleep(0.01)
