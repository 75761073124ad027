"""Brokers: where one comes from, and that it is gone afterwards.

``open_broker`` is an async context manager, ``list_brokers`` says what there is. What they do is imported
when they are called: the embedded broker, a process of this package, starts without it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.brokers.origin import Broker, without_password
from bench.client import NO_FILES, Tls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

__all__ = [
    "Broker",
    "ListedBroker",
    "check_spec",
    "is_secure",
    "list_brokers",
    "open_broker",
    "without_password",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBroker:
    """A broker that could be had: ``detail`` is its version, or the reason why it is not available."""

    kind: str
    protocol: str
    origin: str
    available: bool
    detail: str
    mend: str


def _ignore(_: str) -> None:
    pass


@asynccontextmanager
async def open_broker(
    spec: str, protocol: str, *, tls: Tls = NO_FILES, say: Callable[[str], None] = _ignore
) -> AsyncIterator[Broker]:
    """A broker that speaks ``protocol`` and has let us log in; if it is ours, it is gone afterwards.

    ``spec`` is ``auto`` (native, then docker, then embedded), an origin, a kind, ``ORIGIN:KIND``, or the URL
    of a broker that runs; ``tls`` is for a URL that asks for it. ``why`` of the broker says what was passed
    over. Raises UsageError for a spec that makes no sense, BrokerError where no broker can be had.
    """
    from bench.brokers.opening import opened  # noqa: PLC0415  # see above

    async with opened(spec, protocol, tls, say) as broker:
        yield broker


def check_spec(spec: str, protocols: Iterable[str], tls: Tls = NO_FILES) -> None:
    """Raises UsageError for a spec or files that make no sense for these protocols; starts nothing."""
    from bench.brokers.choice import Choice  # noqa: PLC0415  # see above

    for protocol in protocols:
        Choice.parse(spec).check(protocol)
    Choice.parse(spec).check_tls(tls)


def is_secure(spec: str) -> bool:
    """Whether it is the URL of a broker behind TLS."""
    from bench.brokers.kinds import TLS_SCHEMES  # noqa: PLC0415  # see above

    return spec.partition("://")[0].lower() in TLS_SCHEMES


def list_brokers() -> list[ListedBroker]:
    """Every broker that can be had from here, in the order in which ``auto`` tries them; starts nothing."""
    from bench.brokers.kinds import ORIGINS, SOURCES  # noqa: PLC0415  # see above

    return [
        ListedBroker(
            kind=source.kind,
            protocol=source.protocol,
            origin=source.origin,
            available=found.available,
            detail=found.detail,
            mend=source.mend,
        )
        for source in sorted(SOURCES, key=lambda source: ORIGINS.index(source.origin))
        for found in [source.find()]
    ]
