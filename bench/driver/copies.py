"""Accounting where every consumer gets every message: a ledger for each, and their sum."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from bench.payload import Account, Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bench.payload import Inbox


class FanOutLedger(Ledger):
    """Expects each message once in each inbox: what one consumer lacks no other makes up for."""

    EACH: type[Ledger] = Ledger

    def __init__(self, *, stamped: bool, ordered: bool, inboxes: Sequence[Inbox], topics: int = 1) -> None:
        super().__init__(stamped=stamped, ordered=ordered, topics=topics)
        named = {"stamped": stamped, "ordered": ordered, "topics": topics}
        self._each = {id(inbox): self.EACH(**named) for inbox in inboxes}  # type: ignore[arg-type]  # bool, int

    @property
    def missing(self) -> int:
        return sum(ledger.missing for ledger in self._each.values())

    def expect(self, ranges: Iterable[range]) -> None:
        wanted = list(ranges)
        del self.latencies_ns[:]
        for ledger in self._each.values():
            ledger.expect(wanted)

    def settle(self, inbox: Inbox) -> None:
        ledger = self._each[id(inbox)]
        ledger.settle(inbox)
        self.latencies_ns.extend(ledger.latencies_ns)
        del ledger.latencies_ns[:]

    def received(self) -> Iterator[int]:
        """A message's key once for each inbox that it came to."""
        return chain.from_iterable(ledger.received() for ledger in self._each.values())

    def close(self) -> Account:
        del self.latencies_ns[:]
        return sum((ledger.close() for ledger in self._each.values()), Account())
