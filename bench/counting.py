"""What replaces the gauges of a worker whose work is counted instead of timed.

Under callgrind nothing may happen that depends on the time: no timer samples the loop's lag, the garbage
collector starts every stretch from the same state, and what the broker sends is given time to be there, so
that as many messages are read at once in every repeat.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from typing import TYPE_CHECKING, Literal

from bench.gauges import Gauges

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

    Trace = Callable[[FrameType, str, Any], Any]

Meter = Literal["time", "instructions"]
"""What a command measures: how long messages take, or how much work they are."""

SETTLE_S = 0.001
"""Longer than a broker on this machine needs for what it was sent last; 0 makes counts vary by 1 %."""


class Marks(Gauges):
    """Marks both ends of a timed stretch by a call of ``getpriority``, which nobody else makes.

    Callgrind writes its counts out, and begins anew, before each (``--dump-before``). Outside of callgrind it
    is a system call without effect.
    """

    timed = False
    _open = False

    def start_lag(self) -> None:
        gc.collect()
        gc.freeze()  # else when the oldest generation is collected depends on what came before
        self._open = True
        _mark()

    def stop_lag(self) -> None:
        if self._open:
            _mark()
            self._open = False


def _mark() -> None:
    if sys.platform != "win32":
        os.getpriority(os.PRIO_PROCESS, 0)


class Bytecodes(Gauges):
    """Counts the bytecodes of each Python function in a timed stretch; what is compiled is not seen."""

    timed = False

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__(clock)
        self._counts: dict[CodeType, int] = {}
        self._modules: dict[CodeType, str] = {}

    def __exit__(self, *error: object) -> None:
        sys.settrace(None)
        super().__exit__(*error)

    def start_lag(self) -> None:
        self._counts.clear()
        counts, modules = self._counts, self._modules

        def executed(frame: FrameType, event: str, _: Any) -> Trace:
            if event == "opcode":
                counts[frame.f_code] = counts.get(frame.f_code, 0) + 1
            return executed

        def called(frame: FrameType, _: str, __: Any) -> Trace:
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            if frame.f_code not in modules:
                modules[frame.f_code] = str(frame.f_globals.get("__name__", "?"))
            return executed

        gc.collect()
        gc.freeze()
        sys.settrace(called)

    def stop_lag(self) -> None:
        sys.settrace(None)

    def counts(self) -> dict[str, int]:
        """Bytecodes by ``module.function`` of the last stretch."""
        total: dict[str, int] = {}
        for code, count in self._counts.items():
            name = f"{self._modules[code]}.{code.co_qualname}"
            total[name] = total.get(name, 0) + count
        return total


METERS: dict[str, type[Gauges]] = {"time": Gauges, "instructions": Marks, "bytecodes": Bytecodes}


def settle(loop: asyncio.AbstractEventLoop) -> None:
    """Lets asyncio's own loop wait a moment before each look at its sockets; other loops are left alone."""
    selector = getattr(loop, "_selector", None)  # what BaseSelectorEventLoop was given, and has no name for
    if selector is None:
        return
    select, sleep = selector.select, time.sleep

    def settled(timeout: float | None = None) -> object:
        if timeout != 0:
            sleep(SETTLE_S)
        return select(timeout)

    selector.select = settled
