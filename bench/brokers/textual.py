"""What NATS and Redis, which both speak in lines, share: addresses, and how looking at one can fail."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, unquote

from bench.brokers.origin import without_password
from bench.brokers.reaching import reaching
from bench.brokers.urls import bracketed, problems_of, taken_apart
from bench.errors import BrokerError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from urllib.parse import SplitResult

    from bench.client import Tls

LIMIT_S = 5.0
LINE_BYTES = 1 << 20  # what an honest server says of itself is a few hundred bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """``schemes`` are the plain one and that of TLS; ``paths``: an address may end in a number."""

    name: str
    service: str
    schemes: tuple[str, str]
    port: int
    paths: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAddress:
    """Where a server is and who logs in; "" for the user or the password stands for none."""

    protocol: Protocol = field(repr=False)
    tls: bool = False
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    path: str = ""

    @classmethod
    def parse(cls, url: str, protocol: Protocol) -> Self:
        """Raises UsageError with every problem of the URL, and without its password."""
        plain, secure = protocol.schemes
        parts = taken_apart(url, f"{plain}://HOST:PORT")
        problems = _problems(parts, protocol)
        if problems:
            shown = without_password(url).partition("#")[0]  # the password may hold the #
            raise UsageError(f"{shown!r} is not an address of {protocol.name}: {'; '.join(problems)}")
        return cls(
            protocol=protocol,
            tls=parts.scheme == secure,
            host=parts.hostname or "",
            port=parts.port or protocol.port,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            path=parts.path.strip("/"),
        )

    @property
    def scheme(self) -> str:
        return self.protocol.schemes[self.tls]

    @property
    def url(self) -> str:
        """All of it, the port written out."""
        user, password = quote(self.user, safe=""), quote(self.password, safe="")
        login = f"{user}:{password}@" if password else f"{user}@" if user else ""
        where = f"{login}{bracketed(self.host)}:{self.port}"
        return f"{self.scheme}://{where}" + (f"/{self.path}" if self.path else "")

    @property
    def shown(self) -> str:
        return without_password(self.url)

    def blotted(self, words: str) -> str:
        """What a server said, fit to be shown: without the password, and in one line."""
        said = "".join(filter(str.isprintable, words))[:300]
        return said.replace(self.password, "…") if self.password else said


class Lines:
    """A conversation in lines; raises BrokerError where the other side is none of ours."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: TextAddress
    ) -> None:
        self._reader, self._writer, self._address = reader, writer, address

    def tell(self, data: bytes) -> None:
        self._writer.write(data)

    async def hear(self) -> str:
        """The next line, without its end."""
        where, name = self._address.shown, self._address.protocol.name
        try:
            line = await self._reader.readline()
        except ConnectionError:
            line = b""
        except ValueError:
            raise BrokerError(f"{where} is not a server of {name}") from None
        if line.startswith(b"\x15\x03"):  # an alert of TLS
            raise BrokerError(f"{where} wants TLS; use {self._address.protocol.schemes[True]}://")
        if not line:
            raise BrokerError(f"{where} hung up without an answer; is it a server of {name}?")
        return line.decode(errors="replace").rstrip("\r\n")

    async def take(self, size: int) -> str:
        """So many bytes and the end of their line."""
        try:
            return (await self._reader.readexactly(size + 2))[:size].decode(errors="replace")
        except (asyncio.IncompleteReadError, ConnectionError):
            raise BrokerError(f"{self._address.shown} hung up in the middle of an answer") from None

    async def secure(self, tls: Tls) -> None:
        await self._writer.start_tls(tls.context(), server_hostname=self._address.host)


@asynccontextmanager
async def conversation(address: TextAddress, tls: Tls | None, *, limit_s: float) -> AsyncIterator[Lines]:
    """Connected, for ``limit_s`` at most; every way in which that can fail is one sentence.

    ``tls`` is None where the conversation begins in the clear.
    """
    context = tls.context() if tls is not None else None
    doubt = f"is it a server of {address.protocol.name}, "
    async with reaching(address.shown, limit_s=limit_s, service=address.protocol.service, doubt=doubt):
        reader, writer = await asyncio.open_connection(
            address.host, address.port, ssl=context, limit=LINE_BYTES
        )
        try:
            yield Lines(reader, writer, address)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _problems(parts: SplitResult, protocol: Protocol) -> list[str]:
    problems = problems_of(parts, protocol.schemes)
    path = parts.path.strip("/")
    if path and not protocol.paths:
        problems.append(f"it has a path, which means nothing in {protocol.name}")
    elif path and not path.isdecimal():
        problems.append("its path must be the number of a database")
    return problems
