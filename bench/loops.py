"""Event loops by name: the one table of them, and how a loop is made from its name."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from bench.errors import UnknownNameError, UnsupportedError

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
Version = tuple[int, int]

HERE: Version = sys.version_info[:2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """An event loop: ``module`` has ``new_event_loop``; ``distribution`` is its PyPI name, "" if built in.

    ``eager``: tasks begin to run where they are created. ``tls``: it can make connections with TLS.
    """

    name: str
    module: str
    distribution: str
    summary: str
    platforms: tuple[str, ...] = ("linux", "darwin")
    since: Version = (3, 11)
    eager: bool = False
    tls: bool = True

    @property
    def how_to_get(self) -> str:
        if not self.distribution:
            return "with Python" if self.since <= (3, 11) else f"with Python {self._since}"
        return f"uv sync --extra {self.name}"

    def unfit(self, python: Version = HERE) -> str | None:
        """Why this loop cannot run on this platform and that Python, installed or not; None if it can."""
        if sys.platform not in self.platforms:
            return f"{self.name} does not run on {sys.platform}, only on {', '.join(self.platforms)}"
        if python < self.since:
            version = ".".join(map(str, python))
            return (
                f"{self.name} needs Python {self._since}, this is {version}; "
                f"choose one with: --python {self._since}"
            )
        return None

    def missing(self) -> str | None:
        """Why this loop cannot be used here, with what mends it; None if it can."""
        if (why := self.unfit()) is not None:
            return why
        if find_spec(self.module) is None:
            return f"{self.name} is not installed; install it with: {self.how_to_get}"
        return None

    @property
    def _since(self) -> str:
        return ".".join(map(str, self.since))


LOOPS = {
    loop.name: loop
    for loop in (
        Loop(
            name="asyncio",
            module="asyncio",
            distribution="",
            summary="the standard library's loop",
            platforms=("linux", "darwin", "win32"),
        ),
        Loop(
            name="asyncio-eager",
            module="asyncio",
            distribution="",
            summary="the standard library's loop with eager tasks",
            platforms=("linux", "darwin", "win32"),
            since=(3, 12),
            eager=True,
        ),
        Loop(name="uvloop", module="uvloop", distribution="uvloop", summary="libuv, in Cython"),
        # rloop 0.5's create_connection raises NotImplementedError when it is given ``ssl``.
        Loop(name="rloop", module="rloop", distribution="rloop", summary="mio, in Rust", tls=False),
        Loop(
            name="zuvloop",
            module="zuvloop",
            distribution="zuvloop",
            summary="libuv, in Zig",
            since=(3, 14),
        ),
        Loop(
            name="winloop",
            module="winloop",
            distribution="winloop",
            summary="libuv, in Cython, for Windows",
            platforms=("win32",),
        ),
    )
}


def named(name: str) -> Loop:
    """Raises UnknownNameError."""
    if name not in LOOPS:
        raise UnknownNameError("loop", name, LOOPS)
    return LOOPS[name]


def factory(name: str) -> LoopFactory:
    """What makes a new loop of that name; raises UnknownNameError or UnsupportedError."""
    loop = named(name)
    if (why := loop.missing()) is not None:
        raise UnsupportedError(why)
    make: LoopFactory = import_module(loop.module).new_event_loop
    return _eager(make) if loop.eager else make


def _eager(make: LoopFactory) -> LoopFactory:
    def made() -> asyncio.AbstractEventLoop:
        loop = make()
        # By name: the type checker reads this as Python 3.11, which has no such attribute.
        loop.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009
        return loop

    return made
