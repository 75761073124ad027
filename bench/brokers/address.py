"""An AMQP address, taken apart and checked before anything connects to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from bench.brokers.origin import without_password
from bench.brokers.urls import bracketed, problems_of, taken_apart
from bench.errors import UsageError

DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671}
SHORT_STRING_BYTES = 255
VHOST_CHARACTERS = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an AMQP broker is and who logs in. User and virtual host have the defaults of the protocol."""

    tls: bool
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    vhost: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises UsageError with every problem of the URL, and without its password."""
        parts = taken_apart(url, "amqp://HOST:PORT/VHOST")
        problems = problems_of(parts, DEFAULT_PORTS)
        vhost = unquote(parts.path[1:]) or "/"
        if len(vhost) > VHOST_CHARACTERS or len(vhost.encode()) > SHORT_STRING_BYTES:
            problems.append(f"its virtual host is longer than {VHOST_CHARACTERS} characters")
        if problems:
            raise UsageError(f"{without_password(url)!r} is not an AMQP address: {'; '.join(problems)}")
        return cls(
            tls=parts.scheme == "amqps",
            host=parts.hostname or "",
            port=parts.port or DEFAULT_PORTS[parts.scheme],
            user=unquote(parts.username or "guest"),
            password=unquote(parts.password or "guest" if parts.username is None else parts.password or ""),
            vhost=vhost,
        )

    @property
    def url(self) -> str:
        """All of it, defaults written out, for clients that know other defaults."""
        user = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        path = "" if self.vhost == "/" else quote(self.vhost, safe="")
        return f"amqp{'s' if self.tls else ''}://{user}@{bracketed(self.host)}:{self.port}/{path}"

    @property
    def shown(self) -> str:
        return without_password(self.url)
