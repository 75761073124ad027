"""What a broker was asked for, such as ``auto``, ``native:rabbitmq`` or a URL, turned into what to try."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.brokers.kinds import ORIGINS, SCHEMES, SOURCES, TLS_SCHEMES
from bench.brokers.origin import without_password
from bench.brokers.tls import check_files
from bench.client import NO_FILES
from bench.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from bench.brokers.source import Source
    from bench.client import Tls


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A URL, or else an origin and a kind, where None stands for any of them."""

    url: str | None = field(default=None, repr=False)
    origin: str | None = None
    kind: str | None = None

    @classmethod
    def parse(cls, spec: str) -> Choice:
        """Raises UnknownNameError or UsageError."""
        if "://" in spec:
            scheme = spec.partition("://")[0].lower()
            if scheme not in SCHEMES:
                raise UnknownNameError("broker URL scheme", scheme, SCHEMES)
            return cls(url=spec)
        if "@" in spec or spec.count(":") > 1:  # somebody's address, perhaps with a password
            raise UsageError(f"{without_password(spec)!r} is not a broker; a URL starts with amqp://")
        kinds = {source.kind for source in SOURCES}
        if spec == "auto":
            return cls()
        if spec in ORIGINS:
            return cls(origin=spec)
        if spec in kinds:
            return cls(kind=spec)
        origin, colon, kind = spec.partition(":")
        if not colon:
            raise UnknownNameError("broker", spec, {"auto", *ORIGINS, *kinds})
        if origin not in ORIGINS:
            raise UnknownNameError("broker origin", origin, ORIGINS)
        if kind not in kinds:
            raise UnknownNameError("broker", kind, kinds)
        return cls(origin=origin, kind=kind)

    def check(self, protocol: str) -> None:
        """Raises UsageError where this cannot be a broker for a client of that protocol."""
        if protocol == "memory":
            return
        if self.url is None:
            self.sources(protocol)
        elif (spoken := SCHEMES[self.url.partition("://")[0].lower()][0]) != protocol:
            raise UsageError(
                f"{without_password(self.url)} is an address for {spoken}, and the client speaks {protocol}"
            )

    def check_tls(self, tls: Tls) -> None:
        """Raises UsageError where there are TLS files, and they are bad or this is no broker for them."""
        if tls == NO_FILES:
            return
        if self.url is None or self.url.partition("://")[0].lower() not in TLS_SCHEMES:
            what = f"{without_password(self.url)} is none" if self.url else "--broker is no URL"
            raise UsageError(
                "--tls-ca, --tls-certificate and --tls-key are for the URL of a broker that speaks TLS "
                f"({', '.join(TLS_SCHEMES)}), and {what}"
            )
        check_files(tls)

    def sources(self, protocol: str) -> list[Source]:
        """In the order in which to try them, never empty; raises UsageError where there can be none."""
        fitting = [
            source
            for origin in ORIGINS
            for source in SOURCES
            if source.origin == origin and self.origin in {None, origin} and self.kind in {None, source.kind}
        ]
        found = [source for source in fitting if source.protocol == protocol]
        if found:
            return found
        if self.kind and fitting:
            raise UsageError(f"{self.kind} speaks {fitting[0].protocol}, and the client {protocol}")
        if self.kind:
            origins = ", ".join(source.origin for source in SOURCES if source.kind == self.kind)
            raise UsageError(f"{self.kind} cannot be had {self.origin}; it can be had: {origins}")
        protocols = sorted({source.protocol for source in SOURCES})
        if protocol not in protocols:
            raise UnknownNameError("broker for protocol", protocol, protocols)
        raise UsageError(f"no broker for protocol {protocol} can be had {self.origin}")
