"""One process: options, the line that says where it listens, how it ends.

It ends, with code 0, on SIGTERM, on SIGINT, or when its standard input reaches its end: a broker started with
a pipe as input never outlives who started it, however that one dies.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import gc
import importlib.metadata
import importlib.util
import json
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench.brokers.amqp.broker import Broker, Settings
from bench.brokers.amqp.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

_PASSWORD_VARIABLE = "MQBENCH_AMQP_PASSWORD"  # noqa: S105  # the name of a variable, not a password
_BACKLOG = 1024


def main() -> int:
    options = _options()
    loop_name = options.loop
    if loop_name == "auto":
        loop_name = "uvloop" if importlib.util.find_spec("uvloop") else "asyncio"
    try:
        loop_factory = _loop_factory(loop_name)
    except ImportError:
        return _fail("the loop uvloop is not installed; install it with: uv sync --extra uvloop")
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(_serve(options, loop_name))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.brokers.amqp", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_between(0, 65535), default=0, help="0 takes a free one (default)")
    parser.add_argument("--user", default="guest")
    parser.add_argument(
        "--password",
        default=os.environ.get(_PASSWORD_VARIABLE, "guest"),
        help=f"better: {_PASSWORD_VARIABLE}",
    )
    parser.add_argument("--vhost", default="/")
    parser.add_argument("--max-memory-mb", type=_between(1, 1 << 20), default=512)
    parser.add_argument("--loop", choices=("auto", "asyncio", "uvloop"), default="auto")
    return parser.parse_args()


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isdecimal() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"must be {least} to {most}, got {text}")
        return int(text)

    return number


def _loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if name == "uvloop":
        import uvloop  # noqa: PLC0415  # an extra, absent on some platforms

        return uvloop.new_event_loop
    return asyncio.new_event_loop


async def _serve(options: argparse.Namespace, loop_name: str) -> int:
    loop = asyncio.get_running_loop()
    settings = Settings(
        user=options.user,
        password=options.password,
        vhost=options.vhost,
        max_memory_bytes=options.max_memory_mb << 20,
        version=_version(),
    )
    broker = Broker(settings, loop)
    ended = asyncio.Event()
    _end_on_signals(loop, ended)
    try:
        server = await loop.create_server(
            functools.partial(Connection, broker), options.host, options.port, backlog=_BACKLOG
        )
    except OSError as error:
        where = f"{options.host}:{options.port}"
        return _fail(f"the embedded broker cannot listen on {where} ({_reason(error)})")
    _say_where(settings, options.host, server.sockets[0].getsockname()[1], loop_name)
    _keep_the_collector_out()
    threading.Thread(target=_end_with_input, args=(loop, ended), name="stdin", daemon=True).start()
    await ended.wait()
    server.close()
    for connection in tuple(broker.connections):
        connection.force_close()
    await asyncio.sleep(0)
    return 0


def _reason(error: OSError) -> str:
    """The bare reason: asyncio puts a sentence and the address around it."""
    resolving = isinstance(error, socket.gaierror)
    return str(error.strerror if resolving or not error.errno else os.strerror(error.errno)).lower()


def _version() -> str:
    try:
        return importlib.metadata.version("mqbench")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"  # run from a checkout that is not installed


def _say_where(settings: Settings, host: str, port: int, loop_name: str) -> None:
    shown_host = f"[{host}]" if ":" in host else host
    vhost = "" if settings.vhost == "/" else quote(settings.vhost, safe="")
    login = f"{quote(settings.user, safe='')}:{quote(settings.password, safe='')}"
    where = {
        "url": f"amqp://{login}@{shown_host}:{port}/{vhost}",
        "version": settings.version,
        "loop": loop_name,
    }
    sys.stdout.write(json.dumps(where) + "\n")
    sys.stdout.flush()


def _keep_the_collector_out() -> None:
    """No message is part of a cycle, so looking for cycles among millions of them finds nothing.

    A connection's own cycles are cut when it is lost, and ``Broker.left`` collects when the last one is.
    """
    gc.collect()
    gc.freeze()
    gc.disable()


def _end_on_signals(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, ended.set)
        except NotImplementedError:  # asyncio on Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(ended.set))


def _end_with_input(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """A thread that sleeps in ``read``: the one way that works for pipes, terminals and files alike."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # closed from the start, which is an end as well
    with contextlib.suppress(RuntimeError):  # it ended otherwise meanwhile, and the loop is closed
        loop.call_soon_threadsafe(ended.set)


def _fail(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
