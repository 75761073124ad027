"""A TCP proxy that holds what passes for a set time, each way, and knows how long it really did."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median
from urllib.parse import urlsplit, urlunsplit

CHUNK_BYTES = 1 << 16


@dataclass(slots=True)
class Delaying:
    """``url`` leads through the proxy; ``held_ns`` is how long each piece was held, of both ways.

    ``connections`` is how many there have been.
    """

    url: str
    connections: int = 0
    held_ns: list[int] = field(default_factory=list)

    @property
    def held_ms(self) -> float:
        return median(self.held_ns) / 1e6


def _carry(source: socket.socket, sink: socket.socket, delay_ns: int, held_ns: list[int]) -> None:
    """Threads, because they sleep to some ten microseconds and event loops to a millisecond."""
    pieces: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()

    def write() -> None:
        with suppress(OSError):
            while True:
                came_ns, piece = pieces.get()
                if not piece:
                    sink.shutdown(socket.SHUT_WR)
                    return
                time.sleep(max(0, came_ns + delay_ns - time.monotonic_ns()) / 1e9)
                sink.sendall(piece)
                held_ns.append(time.monotonic_ns() - came_ns)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    piece = b" "
    while piece:
        try:
            piece = source.recv(CHUNK_BYTES)
        except OSError:
            piece = b""
        pieces.put((time.monotonic_ns(), piece))
    writer.join()


@contextmanager
def delaying(url: str, delay_ms: float) -> Iterator[Delaying]:
    """A way to the broker at ``url`` on which everything takes ``delay_ms`` longer, there and back."""
    parts = urlsplit(url)
    before, at, _ = parts.netloc.rpartition("@")
    server = socket.create_server(("127.0.0.1", 0))
    through = Delaying(urlunsplit(parts._replace(netloc=f"{before}{at}127.0.0.1:{server.getsockname()[1]}")))
    ends: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                inner, _ = server.accept()
                outer = socket.create_connection((parts.hostname, parts.port))
                ends.extend((inner, outer))
                through.connections += 1
                for end in (inner, outer):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for source, sink in ((inner, outer), (outer, inner)):
                    ways = (source, sink, round(delay_ms * 1e6), through.held_ns)
                    threads.append(threading.Thread(target=_carry, args=ways, daemon=True))
                    threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield through
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        accepting.join(5)
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
        for end in ends:
            end.close()
