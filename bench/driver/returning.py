"""Messages that their consumer returns to the broker when they first come, and that have to come again.

Which ones follows from the key, so that both the consumer and the ledger know: every n-th of a stream, at
another place in each stream. Such a message is expected exactly twice, whichever consumers it comes to.
"""

from __future__ import annotations

from itertools import compress, count
from typing import TYPE_CHECKING, Any

from bench.driver.consuming import Consuming
from bench.payload import SEQUENCE_BITS, STAMP, Account, Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.client import Receive
    from bench.payload import Inbox

_SEQUENCE = (1 << SEQUENCE_BITS) - 1
_KEY_BYTES = 8
_ONCE, _NEW, _AGAIN, _DAMAGED = 1, 2, 4, 8
_BOTH = _NEW | _AGAIN
_AS_RECEIVED = bytes(state in (_ONCE, _BOTH) for state in range(256))


def chosen(key: int, every: int) -> bool:
    """Whether the message with this key is returned when it first comes."""
    return not ((key & _SEQUENCE) + (key >> SEQUENCE_BITS)) % every


class Returning(Consuming):
    """Consumers that judge each message: what ``receiver`` makes is a ``bench.client.Judge``.

    A message counts as handled when it is not returned. Only those that are on their way back are remembered.
    """

    def __init__(self, *, every: int, **named: Any) -> None:
        super().__init__(**named)
        self._every = every
        self._outstanding: set[int] = set()

    def receiver(self) -> Receive:
        inbox = self.new_inbox()
        clock, received, keep, mark = self._clock, inbox.received_ns.append, inbox.bodies.append, self._mark
        flag, key_of, every, outstanding = (
            inbox.redelivered.append,
            int.from_bytes,
            self._every,
            self._outstanding,
        )

        def judge(body: bytes, redelivered: bool) -> bool:  # as the broker says it
            received(clock())
            keep(body)
            flag(redelivered)
            key = key_of(body[:_KEY_BYTES], "little")
            if not ((key & _SEQUENCE) + (key >> SEQUENCE_BITS)) % every:
                if key not in outstanding:
                    outstanding.add(key)
                    return True
                outstanding.remove(key)
            if not next(self._countdown, 1):
                mark()
            return False

        return judge  # type: ignore[return-value]  # a Judge, which target.requeues says


class ReturningLedger(Ledger):
    """Expects each chosen message twice: once as new, and once flagged as delivered before.

    When both have come, in whichever inbox is settled first, the message is received, or corrupted where
    either body was. Any further one is duplicated; so is one that comes again without the flag, as a copy
    that nobody returned, and the message itself is missing. Chosen messages are never counted as reordered.
    """

    def __init__(self, *, stamped: bool, ordered: bool, every: int, topics: int = 1) -> None:
        super().__init__(stamped=stamped, ordered=ordered, topics=topics)
        self._every = every

    def received(self) -> Iterator[int]:
        for stream, states in self._seen.items():
            yield from compress(count(self._first[stream]), states.translate(_AS_RECEIVED))

    def _book(self, inbox: Inbox) -> None:
        damaged = frozenset(inbox.damaged)
        for index, (key, sent_ns, key_again, sent_again_ns) in enumerate(STAMP.iter_unpack(inbox.stamps)):
            stream = key >> SEQUENCE_BITS
            states = self._seen.get(stream, bytearray())
            offset = key - self._first.get(stream, key)
            stamped = key == key_again and sent_ns == sent_again_ns
            whole = stamped and index not in damaged
            if not stamped or not 0 <= offset < len(states):
                self._account += Account(duplicated=1) if whole else Account(corrupted=1)
            elif chosen(key, self._every):
                self._book_chosen(states, offset, whole=whole, again=inbox.redelivered[index])
                if whole and inbox.redelivered[index]:
                    self.latencies_ns.append(inbox.received_ns[index] - sent_ns)
            elif not whole or states[offset]:
                self._account += Account(duplicated=1) if whole else Account(corrupted=1)
            else:
                states[offset] = _ONCE
                line = stream * self._topics + key % self._topics
                late = self._ordered and key < inbox.last_keys.get(line, -1)
                inbox.last_keys[line] = key
                self.latencies_ns.append(inbox.received_ns[index] - sent_ns)
                self._account += Account(received=1, reordered=int(late))

    def _book_chosen(self, states: bytearray, offset: int, *, whole: bool, again: bool) -> None:
        mine = _AGAIN if again else _NEW
        if states[offset] & mine:
            self._account += Account(duplicated=1) if whole else Account(corrupted=1)
            return
        states[offset] |= mine if whole else mine | _DAMAGED
        self._account += Account(requeued=int(not again))
        if states[offset] & _BOTH == _BOTH:
            intact = not states[offset] & _DAMAGED
            self._account += Account(received=1) if intact else Account(corrupted=1)
