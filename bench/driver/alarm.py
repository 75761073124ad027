"""A call at a point in time, as precise as the platform can: event loops round their timers to a millisecond.

On Linux a timerfd wakes the loop like a socket does, within tens of microseconds; elsewhere, and on a loop
that watches no file descriptors, it is the loop's own timer.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_NONBLOCK_CLOEXEC = 0o2004000
_ABSOLUTE = 1


class Alarm:
    """Calls ``ring`` at the time it was last set to; a context manager on a running loop.

    ``clock`` must be ``time.monotonic_ns``: the kernel's timer counts on the same one. A ring may come early
    by what a loop rounds its timers, and more than once until the alarm is set again or left, so look at the
    clock. (To set a timerfd is also to take note that it rang: reading it would be a system call more.)
    """

    def __init__(self, ring: Callable[[], None], clock: Callable[[], int]) -> None:
        self._ring = ring
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._timer: _KernelTimer | None = None
        self._handle: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        timer = _KernelTimer.made()
        if timer is not None:
            try:
                self._loop.add_reader(timer.descriptor, self._ring)
            except NotImplementedError:
                timer.close()
            else:
                self._timer = timer
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._loop.remove_reader(self._timer.descriptor)
            self._timer.close()
        if self._handle is not None:
            self._handle.cancel()

    def set(self, at_ns: int) -> None:
        """A time that has passed rings as soon as the loop comes round."""
        if self._timer is not None:
            self._timer.set(at_ns)
        else:
            self._handle = self._loop.call_later(max(0, at_ns - self._clock()) / 1e9, self._ring)


class _KernelTimer:
    """A timerfd by way of libc: ``os.timerfd_create`` is there from Python 3.13 on only."""

    def __init__(self) -> None:
        import ctypes  # noqa: PLC0415  # a closed load needs neither it nor this

        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = (ctypes.c_long * 4)()  # struct itimerspec: interval, then the time, as seconds and ns
        self._pointer = ctypes.byref(self._spec)
        self._settime = libc.timerfd_settime

    @classmethod
    def made(cls) -> Self | None:
        """None where the platform has no such thing."""
        if not sys.platform.startswith("linux") or sys.maxsize < 1 << 32:
            return None
        try:
            return cls()
        except (OSError, AttributeError, ImportError):
            return None

    def set(self, at_ns: int) -> None:
        self._spec[2], self._spec[3] = divmod(max(1, at_ns), 1_000_000_000)
        self._settime(self.descriptor, _ABSOLUTE, self._pointer, None)

    def close(self) -> None:
        os.close(self.descriptor)
