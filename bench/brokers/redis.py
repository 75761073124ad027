"""Logs in to a Redis or Valkey server and out again, to learn whether it is there and what it is.

Nothing is written. The protocol: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.brokers.executables import too_old
from bench.brokers.origin import Broker
from bench.brokers.ports import refusal
from bench.brokers.textual import LIMIT_S, LINE_BYTES, Lines, Protocol, TextAddress, conversation
from bench.client import NO_FILES, Tls
from bench.errors import BrokerError, WrongBrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.source import Say

REDIS = Protocol(name="Redis", service="redis", schemes=("redis", "rediss"), port=6379, paths=True)
# Streams with groups came with 5.0; the HELLO with which redis-py 8 begins came with 6.0.
OLDEST = (6, 0)
REFUSED = ("WRONGPASS", "NOAUTH", "ERR invalid password", "ERR Client sent AUTH", "ERR AUTH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What a server says of itself: ``name`` is redis or valkey."""

    name: str
    version: str


async def log_in(address: TextAddress, tls: Tls = NO_FILES, *, limit_s: float = LIMIT_S) -> Greeting:
    """Completes a log-in; raises BrokerError with one sentence that says which step failed."""
    async with conversation(address, tls if address.tls else None, limit_s=limit_s) as lines:
        if address.password:
            await _ask(lines, address, "AUTH", *filter(None, [address.user]), address.password)
        if await _ask(lines, address, "PING") != "PONG":
            raise BrokerError(f"{address.shown} is not a server of Redis")
        if address.path:
            await _ask(lines, address, "SELECT", address.path)
        told = await _ask(lines, address, "INFO", "server")
    facts = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
    name = facts.get("server_name", "redis")
    version = facts.get(f"{name}_version") or facts.get("redis_version", "unknown")
    if why := too_old("redis", facts.get("redis_version", version), OLDEST):
        raise WrongBrokerError(f"{address.shown}: {why}")
    if (mode := facts.get(f"{name}_mode") or facts.get("redis_mode", "standalone")) != "standalone":
        raise BrokerError(f"{address.shown} runs as {mode}; a standalone server is needed")
    return Greeting(name=name, version=version)


async def _ask(lines: Lines, address: TextAddress, *words: str) -> str:
    """The answer to a command; a refusal is raised, without a password."""
    data = [word.encode() for word in words]
    lines.tell(b"*%d\r\n" % len(data) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in data))
    answer = await lines.hear()
    kind, rest, where = answer[:1], answer[1:], address.shown
    if kind == "+":
        return rest
    if kind == "$" and rest.isdecimal() and int(rest) <= LINE_BYTES:
        return await lines.take(int(rest))
    if kind != "-":
        raise BrokerError(f"{where} is not a server of Redis")
    if rest.startswith(REFUSED):
        raise BrokerError(f"{where} refused the log-in; check user name and password")
    raise BrokerError(f"{where} refused {words[0]}: {address.blotted(rest)}")


@asynccontextmanager
async def external_redis(url: str, tls: Tls, say: Say) -> AsyncIterator[Broker]:
    """Somebody else's. Raises UsageError for a URL that is none, BrokerError where nobody can log in."""
    address = TextAddress.parse(url, REDIS)
    say(f"logging in at {address.shown}")
    greeting = await log_in(address, tls)
    yield Broker(
        kind=greeting.name,
        origin="external",
        protocol="redis",
        version=greeting.version,
        url=address.url,
        watch=lambda: refusal(address.host, address.port),
    )
