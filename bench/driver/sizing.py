"""Bodies of mixed sizes: which size each message has, on the side that sends and on the side that checks.

The size follows from the key of a message and from the seed of its round, so that both sides know it, and a
body that was cut short is found. A producer is that of bodies of one size: what it makes is stamps, and the
rest of each body is put behind them here.

So many messages of a stretch have the same sizes in every case of a round, whatever producers and lanes
share them: each stretch begins at the start of the drawn sequence, and streams take its sizes by turns.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from bench.payload import SEQUENCE_BITS, STAMP, STAMP_BYTES, Inbox, filler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.client import Confirmed, Form, Post, Publish, Publishing
    from bench.mix import Mix

DECK = 128
"""Sizes are dealt from shuffled decks, which have a size from each 128th of the mix: however short it is, a
stretch has its share of large messages."""
PERIOD = 64 * DECK
"""After so many messages the sequence begins again; a power of two, so that streams do not shift it."""
_KEY_BYTES = 8


def drawn(mix: Mix, seed: object) -> list[int]:
    """``PERIOD`` sizes, the same for the same seed on every version of Python."""
    draw = random.Random(f"sizes {seed}").random
    sizes: list[int] = []
    for _ in range(PERIOD // DECK):
        deck = mix.sizes_at((place + draw()) / DECK for place in range(DECK))
        sizes += sorted(deck, key=lambda _: draw())
    return sizes


class Sizes:
    """The sizes of a case's messages. ``lanes`` is how many streams each producer has, one or each lane's."""

    def __init__(self, mix: Mix, *, seed: object, producers: int, lanes: int) -> None:
        self._producers = producers
        self._lanes = lanes
        whole = memoryview(filler(mix.most_bytes))
        self._tails = [whole[: size - STAMP_BYTES] for size in drawn(mix, seed)]

    def tail(self, key: int) -> memoryview:
        """What follows the stamp of the message with this key."""
        stream = key >> SEQUENCE_BITS
        turn = stream % self._lanes * self._producers + stream // self._lanes
        return self._tails[(key * self._lanes * self._producers + turn) % PERIOD]

    def bytes_of(self, keys: Iterable[int]) -> int:
        """The size of all these messages together."""
        tail = self.tail
        return sum(STAMP_BYTES + len(tail(key)) for key in keys)

    def publishing(self, publish: Publishing, form: Form) -> Publishing:
        """The same, for a producer that hands it stamps."""
        if isinstance(publish, Sequence):
            return [self._lengthening(one) for one in publish]
        if form != "callback":
            return self._lengthening(cast("Publish", publish))
        post, lengthened = cast("Post", publish), self._lengthening(bytes)

        def posted(stamp: bytes, confirmed: Confirmed) -> object:
            return post(lengthened(stamp), confirmed)

        return posted

    def _lengthening(self, publish: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        """The hot path: no coroutine of its own, and no copy but the one that makes the body."""
        tails, lanes, producers, key_of = self._tails, self._lanes, self._producers, int.from_bytes
        step = lanes * producers

        def lengthened(stamp: bytes) -> Any:
            key = key_of(stamp[:_KEY_BYTES], "little")
            stream = key >> SEQUENCE_BITS
            turn = stream % lanes * producers + stream // lanes
            return publish(stamp + tails[(key * step + turn) % PERIOD])

        return lengthened


class MixedInbox(Inbox):
    """An inbox whose messages have the sizes that their keys say."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(STAMP_BYTES)
        self._sizes = sizes

    def check(self) -> None:
        bodies, tail = self.bodies, self._sizes.tail
        heads = b"".join(bytes(body[:STAMP_BYTES]).ljust(STAMP_BYTES, b"\xff") for body in bodies)
        for at, (key, _, _, _) in enumerate(STAMP.iter_unpack(heads)):
            body, rest = bodies[at], tail(key)
            if len(body) != STAMP_BYTES + len(rest) or not body.endswith(rest):
                self.damaged.append(self._checked + at)
        self._checked += len(bodies)
        self.stamps += heads
        bodies.clear()
