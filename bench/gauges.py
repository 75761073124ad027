"""What a worker can only see from inside: its own CPU time, memory, garbage collection and loop lag."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bench.sockets import connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.sockets import Traffic

if sys.platform == "win32":

    def _process_times() -> tuple[float, float, int, int]:
        times = os.times()
        return times.user, times.system, 0, 0
else:
    import resource

    def _process_times() -> tuple[float, float, int, int]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime, used.ru_stime, used.ru_nvcsw, used.ru_nivcsw


LAG_PERIOD_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process has used so far; of two, the difference is what a stretch used."""

    cpu_user_s: float
    cpu_system_s: float
    voluntary_switches: int
    involuntary_switches: int
    gc_collections: int
    gc_pause_s: float

    def __sub__(self, earlier: Usage) -> Usage:
        before = asdict(earlier)
        return Usage(**{name: value - before[name] for name, value in asdict(self).items()})

    def __add__(self, other: Usage) -> Usage:
        more = asdict(other)
        return Usage(**{name: value + more[name] for name, value in asdict(self).items()})


NOTHING = Usage(
    cpu_user_s=0.0,
    cpu_system_s=0.0,
    voluntary_switches=0,
    involuntary_switches=0,
    gc_collections=0,
    gc_pause_s=0.0,
)


class Gauges:
    """Reads the process's usage, and samples how late the event loop runs a timer.

    A context manager: inside it every garbage collection is timed by ``gc.callbacks``.
    """

    timed = True
    """Time is what is measured, so that it does no harm if something happens now and then."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._gc_began_ns = 0
        self._gc_pause_ns = 0
        self._gc_collections = 0
        self._timer: asyncio.TimerHandle | None = None
        self.lag_ns: array[int] = array("q")

    def __enter__(self) -> Self:
        gc.callbacks.append(self._collecting)
        return self

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._collecting)
        self.stop_lag()

    def _collecting(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._gc_began_ns = self._clock()
        else:
            self._gc_pause_ns += self._clock() - self._gc_began_ns
            self._gc_collections += 1

    def usage(self) -> Usage:
        user_s, system_s, voluntary, involuntary = _process_times()
        return Usage(
            cpu_user_s=user_s,
            cpu_system_s=system_s,
            voluntary_switches=voluntary,
            involuntary_switches=involuntary,
            gc_collections=self._gc_collections,
            gc_pause_s=self._gc_pause_ns / 1e9,
        )

    def connections(self) -> dict[int, Traffic] | None:
        """What went over each of the process's connections so far; None where nobody tells."""
        return connections() if self.timed else None

    def start_lag(self) -> None:
        """Begins to sample, every 10 ms, by how much the loop is late; needs a running loop."""
        loop = asyncio.get_running_loop()
        clock, late = self._clock, self.lag_ns.append
        period_ns = round(LAG_PERIOD_S * 1e9)

        def tick(due_ns: int) -> None:
            now_ns = clock()
            late(max(0, now_ns - due_ns))
            self._timer = loop.call_later(LAG_PERIOD_S, tick, now_ns + period_ns)

        self._timer = loop.call_later(LAG_PERIOD_S, tick, clock() + period_ns)

    def stop_lag(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def peak_rss_bytes() -> int:
    """The largest resident set of this process so far, in bytes; 0 where the platform does not say.

    Linux's ru_maxrss is no use here: it remembers the parent's size from before exec (man 2 getrusage).
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0 if sys.platform == "win32" else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024


def raise_file_limit() -> None:
    """A thousand producers and consumers need as many sockets; take what the hard limit allows."""
    if sys.platform != "win32":
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
