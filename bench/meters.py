"""What the parent sees from outside: what processes used, and who else used the host.

A reading is a snapshot; of two snapshots, the difference is what happened between them. What a platform does
not say is None, and a process that has gone is a value, never an error. What only a worker can see from
inside is in ``bench.gauges``.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_PRESSURE = Path("/proc/pressure/cpu")
_UNREADABLE = (psutil.NoSuchProcess, psutil.AccessDenied)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessReading:
    """One process; ``created_s`` tells it from a later one with the same pid.

    CPU times include those of its children that have ended and been waited for (Linux; elsewhere 0), so that
    the sum over a process tree does not fall when a child ends.
    """

    pid: int
    created_s: float
    cpu_user_s: float
    cpu_system_s: float
    rss_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSnapshot:
    """The processes asked for, with all their descendants; ``missing`` are gone or not ours to read."""

    roots: tuple[ProcessReading, ...]
    descendants: tuple[ProcessReading, ...]
    missing: tuple[int, ...]

    @property
    def rss_bytes(self) -> int | None:
        """Resident memory of all of them, pages that they share counted in each; None if one is missing."""
        if self.missing:
            return None
        return sum(reading.rss_bytes for reading in (*self.roots, *self.descendants))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessUsage:
    """What processes used between two snapshots; None if one that was asked for had gone by the second."""

    cpu_user_s: float | None
    cpu_system_s: float | None
    rss_bytes: int | None
    missing: tuple[int, ...]

    @property
    def cpu_s(self) -> float | None:
        if self.cpu_user_s is None or self.cpu_system_s is None:
            return None
        return self.cpu_user_s + self.cpu_system_s


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSnapshot:
    """Counters of the whole host since it started."""

    at_ns: int
    cores: int
    busy_s: float
    steal_s: float | None
    pressure_s: float | None
    context_switches: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNoise:
    """What a stretch was disturbed by.

    ``busy_cores`` is what all processes used, on average, and ``others_cores`` what was not ours of it (None
    if a process of ours ended meanwhile, as what it had used is then anybody's). ``steal_share`` is the part
    of all cores' time that the hypervisor gave to other guests; ``cpu_pressure_share`` the part of the time
    in which at least one runnable task waited for a core.

    The kernel counts CPU time in ticks of 10 ms, so these figures mean little below about a second.
    """

    elapsed_s: float
    cores: int
    busy_cores: float
    others_cores: float | None
    steal_share: float | None
    cpu_pressure_share: float | None
    context_switches_per_s: float | None


def read_processes(pids: Iterable[int]) -> ProcessSnapshot:
    """A snapshot of these processes and of their descendants."""
    roots: dict[int, ProcessReading] = {}
    descendants: dict[int, ProcessReading] = {}
    missing: list[int] = []
    for pid in dict.fromkeys(pids):
        try:
            process = psutil.Process(pid)
            roots[pid] = _read(process)
            children = process.children(recursive=True)
        except _UNREADABLE:
            roots.pop(pid, None)
            missing.append(pid)
            continue
        for child in children:
            with suppress(*_UNREADABLE):
                descendants[child.pid] = _read(child)
    return ProcessSnapshot(
        roots=tuple(roots.values()),
        # A process may be asked for by itself and as a child of another.
        descendants=tuple(reading for pid, reading in descendants.items() if pid not in roots),
        missing=tuple(missing),
    )


def _read(process: psutil.Process) -> ProcessReading:
    with process.oneshot():
        times = process.cpu_times()
        return ProcessReading(
            pid=process.pid,
            created_s=process.create_time(),
            cpu_user_s=times.user + times.children_user,
            cpu_system_s=times.system + times.children_system,
            rss_bytes=process.memory_info().rss,
        )


def processes_between(before: ProcessSnapshot, after: ProcessSnapshot) -> ProcessUsage:
    """What the processes used from one snapshot of them to the next.

    Children that came count from their start, children that ended through their parent. Should a parent not
    wait for its children, their last stretch is unknown and the sum could fall; it counts as 0 then.
    """
    alive = {(reading.pid, reading.created_s) for reading in after.roots}
    replaced = (reading.pid for reading in before.roots if (reading.pid, reading.created_s) not in alive)
    missing = tuple(dict.fromkeys((*before.missing, *after.missing, *replaced)))
    if missing:
        return ProcessUsage(cpu_user_s=None, cpu_system_s=None, rss_bytes=None, missing=missing)
    first, last = (*before.roots, *before.descendants), (*after.roots, *after.descendants)
    user_s = sum(reading.cpu_user_s for reading in last) - sum(reading.cpu_user_s for reading in first)
    system_s = sum(reading.cpu_system_s for reading in last) - sum(reading.cpu_system_s for reading in first)
    return ProcessUsage(
        cpu_user_s=max(0.0, user_s),
        cpu_system_s=max(0.0, system_s),
        rss_bytes=after.rss_bytes,
        missing=(),
    )


def cpu_seconds(pids: Sequence[int]) -> float | None:
    """CPU time so far of these processes and their descendants; None if none are given or one has gone."""
    snapshot = read_processes(pids)
    if snapshot.missing or not snapshot.roots:
        return None
    readings = (*snapshot.roots, *snapshot.descendants)
    return sum(reading.cpu_user_s + reading.cpu_system_s for reading in readings)


def resident_bytes(pids: Sequence[int]) -> int | None:
    """Resident memory of these processes alone; None if none are given or one has gone."""
    try:
        sizes = [psutil.Process(pid).memory_info().rss for pid in pids]
    except _UNREADABLE:
        return None
    return sum(sizes) if sizes else None


def read_host(clock_ns: Callable[[], int] = time.monotonic_ns) -> HostSnapshot:
    """A snapshot of the host's counters, stamped by the given monotonic clock."""
    times = psutil.cpu_times()
    busy = ("user", "nice", "system", "irq", "softirq", "interrupt", "dpc")
    return HostSnapshot(
        at_ns=clock_ns(),
        cores=psutil.cpu_count() or 1,
        # Guests' time is part of user and nice already (man 5 proc); waiting for a disk is idling.
        busy_s=sum(getattr(times, name, 0.0) for name in busy),
        steal_s=getattr(times, "steal", None),
        pressure_s=_read_pressure_s(_PRESSURE),
        context_switches=psutil.cpu_stats().ctx_switches or None,
    )


def _read_pressure_s(path: Path) -> float | None:
    """Seconds in which some task waited for a core; None without the kernel's pressure stall information."""
    try:
        text = path.read_text(encoding="ascii")
    except OSError:
        return None
    some = text.partition("some ")[2].partition("\n")[0]
    total_us = some.partition("total=")[2]
    return int(total_us) / 1e6 if total_us.isdigit() else None


def noise_between(before: HostSnapshot, after: HostSnapshot, ours_cpu_s: float | None) -> HostNoise:
    """What went on between two snapshots, ``ours_cpu_s`` of it in workers, broker and harness, if known.

    ValueError if no time passed, or if a counter ran backwards: then these are not two snapshots of one host.
    """
    elapsed_s = (after.at_ns - before.at_ns) / 1e9
    busy_s = after.busy_s - before.busy_s
    if elapsed_s <= 0 or busy_s < 0:
        raise ValueError(
            f"snapshots in the wrong order: {elapsed_s:.3f} s apart, {busy_s:.3f} s of CPU between"
        )
    steal_s = _difference(before.steal_s, after.steal_s)
    pressure_s = _difference(before.pressure_s, after.pressure_s)
    switches = _difference(before.context_switches, after.context_switches)
    return HostNoise(
        elapsed_s=elapsed_s,
        cores=after.cores,
        busy_cores=busy_s / elapsed_s,
        others_cores=None if ours_cpu_s is None else max(0.0, busy_s - ours_cpu_s) / elapsed_s,
        steal_share=None if steal_s is None else min(1.0, steal_s / (elapsed_s * after.cores)),
        cpu_pressure_share=None if pressure_s is None else min(1.0, pressure_s / elapsed_s),
        context_switches_per_s=None if switches is None else switches / elapsed_s,
    )


def _difference(before: float | None, after: float | None) -> float | None:
    # The kernel's steal counter can step back by a tick; that is nothing stolen, not time given back.
    return None if before is None or after is None else max(0.0, after - before)


class HostMeter:
    """The noise since it was made; ``own`` are the pids whose work, descendants included, is no noise."""

    def __init__(self, own: Sequence[int], clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._own = tuple(own)
        self._clock_ns = clock_ns
        self._ours, self._host = read_processes(self._own), read_host(clock_ns)

    def noise(self) -> HostNoise:
        host, ours = read_host(self._clock_ns), read_processes(self._own)
        return noise_between(self._host, host, processes_between(self._ours, ours).cpu_s)
