"""Which queues a routing key leads to: direct, fanout and topic exchanges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.brokers.amqp.queues import Queue

KINDS = ("direct", "fanout", "topic")
_CACHED_ROUTES = 10_000


def topic_matches(pattern: str, routing_key: str) -> bool:
    """``*`` stands for one word, ``#`` for any number of them; words are parted by dots.

    Follows all possible places in the pattern at once, so it takes pattern x key steps at most.
    """
    words = pattern.split(".") if pattern else []
    places = _beyond_hashes(words, {0})
    for word in routing_key.split(".") if routing_key else ():
        reached = set()
        for place in places:
            if place < len(words) and words[place] == "#":
                reached.add(place)
            elif place < len(words) and words[place] in ("*", word):
                reached.add(place + 1)
        places = _beyond_hashes(words, reached)
    return len(words) in places


def _beyond_hashes(words: list[str], places: set[int]) -> set[int]:
    """The places, and those after each ``#`` that stands for no word at all."""
    beyond = set(places)
    for place in places:
        ahead = place
        while ahead < len(words) and words[ahead] == "#":
            ahead += 1
            beyond.add(ahead)
    return beyond


class Exchange:
    """Bindings by key, and the routes found so far, which are forgotten when a binding changes."""

    def __init__(
        self,
        name: str,
        kind: str,
        *,
        durable: bool = True,
        auto_delete: bool = False,
        internal: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.durable = durable
        self.auto_delete = auto_delete
        self.internal = internal
        self._bindings: dict[str, dict[Queue, None]] = {}
        self._routes: dict[str, tuple[Queue, ...]] = {}

    @property
    def in_use(self) -> bool:
        return bool(self._bindings)

    def differences(self, **wanted: Any) -> list[tuple[str, Any, Any]]:
        """Each attribute that is not as wanted: its name, the wish, the fact."""
        return [
            (name, wish, getattr(self, name)) for name, wish in wanted.items() if wish != getattr(self, name)
        ]

    def bind(self, queue: Queue, key: str) -> None:
        self._bindings.setdefault(key, {})[queue] = None
        self._routes.clear()

    def unbind(self, queue: Queue, key: str) -> None:
        queues = self._bindings.get(key, {})
        queues.pop(queue, None)
        if not queues:
            self._bindings.pop(key, None)
        self._routes.clear()

    def forget(self, queue: Queue) -> bool:
        """Removes every binding of a queue; True if there was one."""
        keys = [key for key, queues in self._bindings.items() if queue in queues]
        for key in keys:
            self.unbind(queue, key)
        return bool(keys)

    def route(self, routing_key: str) -> tuple[Queue, ...]:
        """The queues that a message goes to, each once."""
        queues = self._routes.get(routing_key)
        if queues is None:
            if len(self._routes) >= _CACHED_ROUTES:
                self._routes.clear()
            found = (queue for key in self._keys(routing_key) for queue in self._bindings.get(key, ()))
            queues = self._routes[routing_key] = tuple(dict.fromkeys(found))
        return queues

    def _keys(self, routing_key: str) -> Iterable[str]:
        if self.kind == "direct":
            return (routing_key,)
        if self.kind == "fanout":
            return self._bindings
        return (pattern for pattern in self._bindings if topic_matches(pattern, routing_key))
