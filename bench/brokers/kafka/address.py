"""An address of a Kafka cluster: the servers that a client asks first, checked before anything connects."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.brokers.origin import without_password
from bench.errors import UsageError

DEFAULT_PORT = 9092
SCHEMES = ("kafka", "kafka+ssl")
SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]@/?#\s]+)(?::(\d{1,5}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    servers: tuple[Server, ...]
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> KafkaAddress:
        """Raises UsageError with every problem of the URL, and without a password."""
        scheme, _, rest = url.partition("://")
        problems = []
        if scheme.lower() not in SCHEMES:
            problems.append(f"its scheme must be one of {', '.join(SCHEMES)}")
        if "@" in rest:
            problems.append("it names a user, and mqbench logs in to no Kafka")
        names, _, path = rest.rpartition("@")[2].partition("/")
        if path or "?" in names or "#" in names:
            problems.append("nothing may follow its servers")
        servers = []
        for name in re.split("[?#]", names)[0].split(","):
            match = SERVER.fullmatch(name)
            port = int(match[2] or DEFAULT_PORT) if match else 0
            if match is None:
                problems.append(f"{name!r} is not HOST:PORT")
            elif not 1 <= port <= 65535:
                problems.append(f"the port of {name!r} must be a number from 1 to 65535")
            else:
                servers.append(Server(host=match[1].strip("[]"), port=port))
        if problems:
            shown = without_password(url).partition("#")[0]
            raise UsageError(f"{shown!r} is not an address of Kafka: {'; '.join(problems)}")
        return cls(tuple(servers), tls=scheme.lower() == SCHEMES[True])

    @property
    def scheme(self) -> str:
        return SCHEMES[self.tls]

    @property
    def url(self) -> str:
        """All of it, ports written out."""
        return f"{self.scheme}://{','.join(map(str, self.servers))}"
