"""An MQTT address, taken apart and checked before anything connects to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote

from bench.brokers.origin import without_password
from bench.brokers.urls import bracketed, problems_of, taken_apart
from bench.errors import UsageError

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}
VERSIONS = ("5", "3.1.1")
MOST_IN_FLIGHT = 65535  # what a Receive Maximum can say, section 3.1.2.11.3 of MQTT 5

Version = Literal["5", "3.1.1"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttAddress:
    """Where an MQTT broker is, who logs in, and in which version of the protocol.

    With version 3.1.1 a client cannot say how many messages it may hold unacknowledged: the broker has one
    number for all. ``receive_maximum`` is that number, or 0 where nobody knows it. The URL carries both, as
    ``?version=3.1.1&receive_maximum=100``, so that an adapter can refuse what the broker would not keep.
    """

    tls: bool
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    version: Version = "5"
    receive_maximum: int = 0

    @classmethod
    def parse(cls, url: str) -> MqttAddress:
        """Raises UsageError with every problem of the URL, and without its password."""
        parts = taken_apart(url, "mqtt://HOST:PORT")
        problems = problems_of(parts, DEFAULT_PORTS, options=True)
        if parts.path not in {"", "/"}:
            problems.append("it has a path, which means nothing in MQTT")
        version, receive_maximum, wrong = _options(parts.query)
        problems.extend(wrong)
        if problems:
            raise UsageError(f"{without_password(url)!r} is not an MQTT address: {'; '.join(problems)}")
        return cls(
            tls=parts.scheme == "mqtts",
            host=parts.hostname or "",
            port=parts.port or DEFAULT_PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            version=version,
            receive_maximum=receive_maximum,
        )

    @property
    def url(self) -> str:
        """All of it, defaults written out."""
        user = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        options = [f"version={self.version}"] if self.version != "5" else []
        options += [f"receive_maximum={self.receive_maximum}"] if self.receive_maximum else []
        query = "&".join(options)
        where = f"{user}{bracketed(self.host)}:{self.port}"
        return f"mqtt{'s' if self.tls else ''}://{where}" + (f"?{query}" if query else "")

    @property
    def shown(self) -> str:
        """Without credentials and options."""
        return without_password(self.url.partition("?")[0])


def _options(query: str) -> tuple[Version, int, list[str]]:
    """Version and receive maximum, and what is wrong with them."""
    options = dict(parse_qsl(query, keep_blank_values=True))
    version, receive_maximum = options.pop("version", "5"), options.pop("receive_maximum", "0")
    wrong = []
    if version not in VERSIONS:
        wrong.append(f"its version must be one of {', '.join(VERSIONS)}")
    if not (receive_maximum.isdecimal() and int(receive_maximum) <= MOST_IN_FLIGHT):
        wrong.append(f"its receive_maximum must be a number up to {MOST_IN_FLIGHT}")
        receive_maximum = "0"
    if options:
        wrong.append(f"it has options that there are not: {', '.join(sorted(options))}")
    return ("3.1.1" if version == "3.1.1" else "5"), int(receive_maximum), wrong
