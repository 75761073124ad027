"""What went over this process's TCP connections, as the kernel counts it; known on Linux alone.

Nothing is counted while messages move: the kernel does so anyway, and is asked before and after a stretch.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OPEN = Path("/proc/self/fd")
# struct tcp_info, linux/tcp.h: the state; bytes received at 128; since Linux 4.19 bytes sent, and sent again.
_STATE, _RECEIVED, _SENT = struct.Struct("B"), struct.Struct("@128xQ"), struct.Struct("@200xQQ")
_INFO_BYTES = _SENT.size
_LISTENING = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Bytes of TCP payload: with TLS what is encrypted, without what the kernel sent a second time."""

    sent_bytes: int
    received_bytes: int

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            sent_bytes=self.sent_bytes + other.sent_bytes,
            received_bytes=self.received_bytes + other.received_bytes,
        )

    def __sub__(self, earlier: Traffic) -> Traffic:
        return Traffic(
            sent_bytes=self.sent_bytes - earlier.sent_bytes,
            received_bytes=self.received_bytes - earlier.received_bytes,
        )


def connections() -> dict[int, Traffic] | None:
    """What went over each connection since it was made, by its inode; None where the kernel does not tell."""
    try:
        numbers = [int(link.name) for link in OPEN.iterdir()]
    except OSError:
        return None
    found: dict[int, Traffic] = {}
    for number in numbers:
        try:
            status = os.fstat(number)
            info = _tcp_info(number) if stat.S_ISSOCK(status.st_mode) else b""
        except OSError:
            continue  # closed meanwhile, as the list's own descriptor is
        if not info or _STATE.unpack_from(info)[0] == _LISTENING:
            continue
        if len(info) < _INFO_BYTES:
            return None
        sent_bytes, again_bytes = _SENT.unpack_from(info)
        (received_bytes,) = _RECEIVED.unpack_from(info)
        found[status.st_ino] = Traffic(sent_bytes=sent_bytes - again_bytes, received_bytes=received_bytes)
    return found


def between(before: Mapping[int, Traffic] | None, after: Mapping[int, Traffic] | None) -> Traffic | None:
    """What went over all connections from one look to the next; None unless they are the same ones."""
    if before is None or after is None or before.keys() != after.keys():
        return None
    parts = (after[inode] - before[inode] for inode in after)
    return sum(parts, Traffic(sent_bytes=0, received_bytes=0))


def _tcp_info(number: int) -> bytes:
    """Empty for a socket that is not TCP. The descriptor stays whose it is."""
    one = socket.socket(fileno=number)
    try:
        if one.family not in {socket.AF_INET, socket.AF_INET6} or one.type != socket.SOCK_STREAM:
            return b""
        return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    finally:
        one.detach()
