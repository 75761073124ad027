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


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """An event loop: ``module`` has ``new_event_loop``; ``distribution`` is its PyPI name, "" if built in."""

    name: str
    module: str
    distribution: str
    summary: str
    platforms: tuple[str, ...] = ("linux", "darwin")

    def missing(self) -> str | None:
        """Why this loop cannot be used here, with what mends it; None if it can."""
        if sys.platform not in self.platforms:
            return f"{self.name} does not run on {sys.platform}"
        if find_spec(self.module) is None:
            return f"{self.name} is not installed; install it with: uv sync --extra {self.name}"
        return None


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
        Loop(name="uvloop", module="uvloop", distribution="uvloop", summary="libuv, in Cython"),
        Loop(name="rloop", module="rloop", distribution="rloop", summary="mio, in Rust"),
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
    return make
