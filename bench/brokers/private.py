"""A server of one process that is ours alone: on a free port, under the supervisor, gone afterwards."""

from __future__ import annotations

import re
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bench.brokers import ports
from bench.brokers.readiness import until_ready
from bench.brokers.supervised import Command, new_folder, supervised
from bench.brokers.textual import TextAddress
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from bench.brokers.executables import Executable
    from bench.brokers.source import Say
    from bench.brokers.supervised import Supervised
    from bench.brokers.textual import Protocol

START_LIMIT_S = 20.0
TRY_LIMIT_S = 5.0  # whoever took the port instead of ours may never answer
ATTEMPTS = 3
PORT_TAKEN = re.compile("address already in use", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a server is started: ``configuration`` makes the text of its one file, ``flags`` come before it."""

    protocol: Protocol
    user: str
    flags: tuple[str, ...]
    configuration: Callable[[TextAddress, Path], str]
    version: Callable[[TextAddress, float], Awaitable[str]]


@asynccontextmanager
async def private(
    recipe: Recipe, program: Executable, say: Say
) -> AsyncIterator[tuple[TextAddress, str, Supervised]]:
    """Its address, the version that it says, and its process; raises BrokerError with its last words."""
    say(f"starting a private {program.name} {program.version}")
    for attempt in range(ATTEMPTS):
        (port,) = ports.free_ports(1)
        folder, password = new_folder(recipe.protocol.service), secrets.token_urlsafe(24)
        address = TextAddress(
            protocol=recipe.protocol,
            host=ports.LOOPBACK,
            port=port,
            user=recipe.user,
            password=password,
        )
        async with supervised(
            recipe.protocol.service,
            Command(
                argv=[program.path, *recipe.flags, str(folder / "server.conf")], env={"HOME": str(folder)}
            ),
            files={"server.conf": recipe.configuration(address, folder)},
            folder=folder,
            secret=password,
        ) as held:
            try:
                version = await until_ready(
                    partial(recipe.version, address, TRY_LIMIT_S),
                    held.last_words,
                    START_LIMIT_S,
                )
            except BrokerError as error:
                await held.until_heard()
                if attempt + 1 < ATTEMPTS and any(map(PORT_TAKEN.search, held.tail)):
                    say("another process took its port meanwhile; starting it on another")
                    continue
                raise BrokerError(f"the private {program.name} did not start: {error}") from error
            held.forget()  # what it said at the start is not why it dies later
            yield address, version, held
            return
