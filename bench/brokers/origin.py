"""What every broker is to the rest of the harness, wherever it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.scenario import Scenario


def _nothing_to_say() -> None:
    """The watch of a broker that cannot die on its own, such as the one inside the memory client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker that answers at ``url``.

    ``url`` may hold a password and is given to workers only; everything that is shown or stored uses
    ``shown_url``. ``pids`` are the processes that are ours to meter (empty for external and docker).
    ``most_cores`` is what it can use at most: 1 for a single event loop, None if it spreads over all.
    ``nodes`` is how many keep messages, None where only the broker knows; ``queue_types`` are those of AMQP.
    """

    kind: str
    origin: str
    protocol: str
    version: str
    pids: tuple[int, ...] = ()
    why: str = ""
    most_cores: float | None = None
    nodes: int | None = None
    queue_types: tuple[str, ...] = ("classic", "quorum", "stream")
    url: str = field(repr=False)
    watch: Callable[[], str | None] = field(default=_nothing_to_say, repr=False, compare=False)

    @property
    def shown_url(self) -> str:
        return without_password(self.url)

    def shortfall(self, scenario: Scenario) -> str | None:
        """What the scenario asks for and this broker cannot do, in words; None as far as is known."""
        name = f"the {self.origin} {self.kind}"
        if scenario.queue_type not in (None, *self.queue_types):
            return f"{name} has no {scenario.queue_type} queues"
        if self.nodes is not None and scenario.replication > self.nodes:
            nodes = "one node" if self.nodes == 1 else f"{self.nodes} nodes"
            return f"{name} has {nodes} and cannot keep {scenario.replication} copies of a message"
        return None

    def last_words(self) -> str | None:
        """None while the broker lives; afterwards how it ended, or the last that it said."""
        return self.watch()


def without_password(url: str) -> str:
    """The URL as it may be shown: user name and password are an ellipsis, and so is the query, if any.

    It hides too much rather than too little: a password that holds a slash or an at-sign, unquoted by
    mistake, is hidden as well.
    """
    before, at, after = url.rpartition("@")
    scheme, separator, _ = before.partition("://")
    shown = f"{scheme}{separator}…@{after}" if separator else f"…@{after}" if at else url
    address, question, _ = shown.partition("?")
    return f"{address}?…" if question else shown
