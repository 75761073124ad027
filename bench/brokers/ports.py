"""Ports: which are free on the loopback interface, and why one does not answer."""

from __future__ import annotations

import contextlib
import errno
import os
import socket

LOOPBACK = "127.0.0.1"
CONNECT_LIMIT_S = 1.0


def free_ports(count: int) -> tuple[int, ...]:
    """Different ones; another process may still take one before it is used, so who uses them must cope."""
    with contextlib.ExitStack() as held:
        ports = []
        for _ in range(count):
            listener = held.enter_context(socket.socket())
            listener.bind((LOOPBACK, 0))
            ports.append(listener.getsockname()[1])
        return tuple(ports)


def refusal(host: str, port: int) -> str | None:
    """None if somebody accepts connections there; else the reason. Blocks for a second at most."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_LIMIT_S):
            return None
    except TimeoutError:
        return f"it accepts no connection within {CONNECT_LIMIT_S:g} s"
    except OSError as error:
        return f"it accepts no connection any more ({os_reason(error)})"


def os_reason(error: OSError) -> str:
    """In few words; several addresses of one host that all refuse are one refusal."""
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):
        return "connection refused"
    return os.strerror(error.errno).lower() if error.errno else str(error) or type(error).__name__
