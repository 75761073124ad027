"""The command ``mqbench``, also as ``python -m bench``: it may be told to end at any time."""

from __future__ import annotations

import atexit
import os
import signal

TYPE_CHECKING = False  # typing itself takes a while
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    End = Callable[..., Any] | signal.Handlers

INTERRUPTED = 130
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_USUAL = (signal.SIG_DFL, signal.default_int_handler)


def main() -> None:
    """SIGTERM and SIGHUP end it as Ctrl-C does, unless whoever started it has them ignored.

    Nothing is under way while it is loaded and once the command is over, so it ends at once: an exception
    there would be wrapped, ignored or shown by whatever is imported or torn down just then. Within the
    command itself these signals raise KeyboardInterrupt.
    """
    heard = [number for number in _SIGNALS if signal.getsignal(number) in _USUAL]
    atexit.register(
        _all, heard, signal.SIG_IGN
    )  # the first, so it is called last: what is left takes no time
    _all(heard, _ending("nothing was measured"))
    from bench.cli import main as commands  # noqa: PLC0415  # takes 0.1 s, in which a signal may come

    try:
        commands(prog_name="mqbench")
    finally:
        _all(heard, _ending("what was measured so far is kept"))


def _all(numbers: list[int], end: End) -> None:
    for number in numbers:
        signal.signal(number, end)


def _ending(what: str) -> End:
    def at_once(*_: object) -> None:
        os.write(2, f"mqbench: interrupted; {what}\n".encode())
        os._exit(INTERRUPTED)

    return at_once


if __name__ == "__main__":
    main()
