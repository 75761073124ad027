"""The command ``mqbench``, also as ``python -m bench``: it can be told to end before it is loaded."""

from __future__ import annotations

import signal
import sys

INTERRUPTED = 130


def main() -> None:
    """SIGTERM and SIGHUP end it as Ctrl-C does, unless whoever started it has them ignored."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        from bench.cli import main as commands  # noqa: PLC0415  # takes 0.1 s, in which a signal may come

        commands(prog_name="mqbench")
    except KeyboardInterrupt:  # while it was being loaded; from then on it is the command that says so
        sys.stderr.write("mqbench: interrupted; nothing was measured\n")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
