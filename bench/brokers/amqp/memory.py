"""How much the broker may hold, and which publishers wait meanwhile.

A message counts once in each queue that holds it, ready or unacknowledged. A body that is still arriving does
not count: its publisher could otherwise be kept from ever completing it.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.brokers.amqp.connection import Connection

_RESUME_AT = 0.8
_NO_BOUND = sys.maxsize


class Memory:
    """``held_bytes`` is counted by those who take and release messages; ``check`` acts on it.

    That changes nothing while it is from ``least_bytes`` to ``most_bytes``.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self.least_bytes, self.most_bytes = -_NO_BOUND, limit_bytes
        self.publishers: set[Connection] = set()
        self._blocked = False

    def check(self) -> None:
        """Blocks all publishers above the limit; lets them go on when a fifth of it is free again."""
        if self.least_bytes <= self.held_bytes <= self.most_bytes:
            return
        self._blocked = not self._blocked
        if self._blocked:
            self.least_bytes, self.most_bytes = math.ceil(self.limit_bytes * _RESUME_AT), _NO_BOUND
        else:
            self.least_bytes, self.most_bytes = -_NO_BOUND, self.limit_bytes
        for connection in tuple(self.publishers):
            connection.block(blocked=self._blocked)

    def joined(self, connection: Connection) -> None:
        """The connection published for the first time: it waits at once if the others do."""
        self.publishers.add(connection)
        if self._blocked:
            connection.block(blocked=True)
