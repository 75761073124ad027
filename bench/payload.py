"""Stamped bodies out; integrity, completeness, order and latency of what came in.

A stamp is the first 32 bytes of a body, four little-endian signed 64-bit integers: ``key`` (stream << 32 |
sequence number) and ``sent_ns`` (the intended send time on the monotonic clock), and both again, so that a
changed stamp is seen: a copy costs less than a checksum. The rest of the body is a fixed pattern, compared
whole. A stream is a sequence whose order the client promises: a producer's, or one lane's of it.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, replace
from itertools import compress, count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STAMP = struct.Struct("<qqqq")
STAMP_BYTES = STAMP.size
SEQUENCE_BITS = 32
_PATTERN = bytes(range(256))


def filler(payload_bytes: int) -> bytes:
    """What follows the stamp in a body of that size; the whole body where the stamp does not fit."""
    length = payload_bytes - STAMP_BYTES if payload_bytes >= STAMP_BYTES else payload_bytes
    return (_PATTERN * (length // 256 + 1))[:length]


def keys(stream: int, first: int, count: int) -> range:
    """The keys of ``count`` messages of a stream from sequence number ``first`` on."""
    base = (stream << SEQUENCE_BITS) + first
    return range(base, base + count)


class Inbox:
    """What one consumer took in since it was last settled.

    ``bodies`` and ``received_ns`` are filled in the hot path; ``check`` folds the bodies into ``stamps`` and
    ``damaged`` (places of bodies with another length or filling), many at a time and if possible when nobody
    measures: looked at one by one, between a client's own work, a body costs three times as much. ``came``
    is how many messages were settled, of all stretches. ``redelivered`` has what the broker said of each
    message, where consumers return some.
    """

    def __init__(self, payload_bytes: int) -> None:
        self._payload_bytes = payload_bytes
        self._filler = filler(payload_bytes)
        self._stamped = payload_bytes >= STAMP_BYTES
        self.bodies: list[bytes] = []
        self.received_ns: list[int] = []
        self.redelivered: list[bool] = []
        self.stamps = bytearray()
        self.damaged: list[int] = []
        self.last_keys: dict[int, int] = {}
        self.came = 0
        self._checked = 0

    def check(self) -> None:
        size, tail, bodies = self._payload_bytes, self._filler, self.bodies
        wrong = [at for at, body in enumerate(bodies) if len(body) != size or not body.endswith(tail)]
        self.damaged += [self._checked + at for at in wrong]
        self._checked += len(bodies)
        if self._stamped:
            heads = [body[:STAMP_BYTES] for body in bodies]
            for at in wrong:
                heads[at] = bytes(heads[at]).ljust(STAMP_BYTES, b"\xff")
            self.stamps += b"".join(heads)
        bodies.clear()

    def clear(self) -> None:
        self.stamps.clear()
        self.damaged.clear()
        self.came += len(self.received_ns)
        self.received_ns.clear()
        self.redelivered.clear()
        self._checked = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How a stretch of messages fared; every message that was expected or came is in exactly one count.

    ``received`` counts each expected message once; ``reordered`` are among the received. A corrupted body
    stands for the message that it was, so that one is not lost as well. ``requeued`` were returned to the
    broker when they first came, and are also in another count for how they came again.
    """

    received: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    corrupted: int = 0
    requeued: int = 0

    def whole(self, expected: int) -> bool:
        """As many messages as expected were received, and nothing else came."""
        return replace(self, requeued=0) == Account(received=expected)

    def describe(self, expected: int) -> str:
        """What went wrong, in words: "3 lost, 1 duplicated of 2000 messages"."""
        wrongs = ("lost", "duplicated", "reordered", "corrupted")
        counts = [f"{getattr(self, name)} {name}" for name in wrongs if getattr(self, name)]
        return f"{', '.join(counts) or 'none lost'} of {expected} messages"

    def __add__(self, other: Account) -> Account:
        return Account(
            received=self.received + other.received,
            lost=self.lost + other.lost,
            duplicated=self.duplicated + other.duplicated,
            reordered=self.reordered + other.reordered,
            corrupted=self.corrupted + other.corrupted,
            requeued=self.requeued + other.requeued,
        )


class Ledger:
    """Knows which messages are expected, and settles inboxes against that.

    ``ordered``: a stream's messages reach a consumer in their order, or else are counted as reordered. Where
    a stream goes round ``topics``, that is the order within each of them.
    """

    def __init__(self, *, stamped: bool, ordered: bool = True, topics: int = 1) -> None:
        self._stamped = stamped
        self._ordered = ordered
        self._topics = topics
        self._first: dict[int, int] = {}
        self._seen: dict[int, bytearray] = {}
        self._expected = 0
        self._account = Account()
        self.latencies_ns: array[int] = array("q")

    @property
    def missing(self) -> int:
        """Expected messages of which nothing has come, not even a corrupted body."""
        return max(0, self._expected - self._account.received - self._account.corrupted)

    def expect(self, ranges: Iterable[range]) -> None:
        """Begins a new stretch: exactly these keys (see ``keys``), one range a stream."""
        self._account = Account()
        self._expected = 0
        del self.latencies_ns[:]
        self._first.clear()
        self._seen.clear()
        for wanted in ranges:
            stream = wanted.start >> SEQUENCE_BITS
            self._first[stream] = wanted.start
            self._seen[stream] = bytearray(len(wanted))
            self._expected += len(wanted)

    def settle(self, inbox: Inbox) -> None:
        """Books what an inbox holds and empties it; can be called again as more comes in."""
        inbox.check()
        if self._stamped:
            self._book(inbox)
        else:
            self._count(inbox)
        inbox.clear()

    def received(self) -> Iterator[int]:
        """The keys of the messages of the stretch that have come, intact; of stamped bodies alone."""
        for stream, flags in self._seen.items():
            yield from compress(count(self._first[stream]), flags)

    def close(self) -> Account:
        """The account of the stretch; what has not come by now is lost."""
        account = self._account + Account(lost=self.missing)
        self.expect(())
        return account

    def _book(self, inbox: Inbox) -> None:
        first, seen, last, topics = self._first, self._seen, inbox.last_keys, self._topics
        damaged = frozenset(inbox.damaged)
        received = duplicated = reordered = corrupted = 0
        add_latency = self.latencies_ns.append
        for index, (key, sent_ns, key_again, sent_again_ns) in enumerate(STAMP.iter_unpack(inbox.stamps)):
            stream = key >> SEQUENCE_BITS
            if key != key_again or sent_ns != sent_again_ns or index in damaged:
                corrupted += 1
                continue
            if stream not in first:
                duplicated += 1  # an intact stamp from a stretch that was settled before
                continue
            offset = key - first[stream]
            flags = seen[stream]
            if not 0 <= offset < len(flags) or flags[offset]:
                duplicated += 1
                continue
            flags[offset] = 1
            received += 1
            line = stream * topics + key % topics if topics > 1 else stream
            if self._ordered and key < last.get(line, -1):
                reordered += 1
            last[line] = key
            add_latency(inbox.received_ns[index] - sent_ns)
        self._account += Account(
            received=received, duplicated=duplicated, reordered=reordered, corrupted=corrupted
        )

    def _count(self, inbox: Inbox) -> None:
        came, corrupted = len(inbox.received_ns), len(inbox.damaged)
        received = min(came - corrupted, self.missing)
        self._account += Account(
            received=received, corrupted=corrupted, duplicated=came - corrupted - received
        )
