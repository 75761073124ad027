"""Logs in to a NATS server and out again, to learn whether it is there and what it is.

Nothing is subscribed to and nothing published. The protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.brokers.executables import too_old
from bench.brokers.origin import Broker
from bench.brokers.ports import refusal
from bench.brokers.textual import LIMIT_S, Lines, Protocol, TextAddress, conversation
from bench.client import NO_FILES, Tls
from bench.errors import BrokerError, WrongBrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.source import Say

NATS = Protocol(name="NATS", service="nats", schemes=("nats", "tls"), port=4222)
OLDEST = (2, 9)  # before, a pull consumer took no_wait and expires together for an error
REFUSED = ("authorization violation", "authentication", "user authentication")


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What a server says of itself."""

    version: str
    jetstream: bool


async def log_in(address: TextAddress, tls: Tls = NO_FILES, *, limit_s: float = LIMIT_S) -> Greeting:
    """Completes a log-in; raises BrokerError with one sentence that says which step failed."""
    where = address.shown
    async with conversation(address, None, limit_s=limit_s) as lines:
        about = await _greeting(lines, where)
        if address.tls:  # NATS begins it after the greeting
            _check_tls(about, where)
            await lines.secure(tls)
        elif about.get("tls_required"):
            raise BrokerError(f"{where} wants TLS; use tls://")
        login = {"verbose": False, "pedantic": False, "lang": "mqbench", "version": "1", "protocol": 1}
        if address.user or address.password:
            login |= {"user": address.user, "pass": address.password}
        lines.tell(b"CONNECT " + json.dumps(login).encode() + b"\r\nPING\r\n")
        answer = await lines.hear()
        while answer.startswith("INFO "):  # it may greet again, once it knows who we are
            answer = await lines.hear()
        if answer.startswith("-ERR"):
            reason = answer.removeprefix("-ERR").strip(" '")
            if reason.lower().startswith(REFUSED):
                raise BrokerError(f"{where} refused the log-in; check user name and password")
            raise BrokerError(f"{where} refused the connection: {address.blotted(reason)}")
        if answer != "PONG":
            raise BrokerError(f"{where} is not a server of NATS")
    version = str(about["version"])
    if why := too_old("nats-server", version, OLDEST):
        raise WrongBrokerError(f"{where}: {why}")
    return Greeting(version=version, jetstream=bool(about.get("jetstream")))


async def _greeting(lines: Lines, where: str) -> dict[str, Any]:
    start = await lines.hear()
    try:
        about = json.loads(start.removeprefix("INFO ")) if start.startswith("INFO ") else None
    except ValueError:
        about = None
    if not isinstance(about, dict) or "version" not in about:
        raise BrokerError(f"{where} is not a server of NATS")
    return about


def _check_tls(about: dict[str, Any], where: str) -> None:
    if about.get("tls_required"):
        return
    if about.get("tls_available"):
        raise BrokerError(f"{where} offers TLS but does not demand it, and then nats-py goes on without")
    raise BrokerError(f"{where} does not listen for TLS; use nats://")


@asynccontextmanager
async def external_nats(url: str, tls: Tls, say: Say) -> AsyncIterator[Broker]:
    """Somebody else's. Raises UsageError for a URL that is none, BrokerError where nobody can log in."""
    address = TextAddress.parse(url, NATS)
    say(f"logging in at {address.shown}")
    greeting = await log_in(address, tls)
    if not greeting.jetstream:
        say(f"{address.shown} has no JetStream: at-least-once cannot be measured there")
    yield Broker(
        kind="nats",
        origin="external",
        protocol="nats",
        version=greeting.version,
        url=address.url,
        watch=lambda: refusal(address.host, address.port),
    )
