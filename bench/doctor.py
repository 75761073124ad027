"""Reads from this machine what says whether it is fit to measure on, and what is here to measure with."""

from __future__ import annotations

import os
import re
import secrets
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench import catalogue, environments, plan, results, session
from bench.driver import SLICE_S
from bench.errors import EngineError
from bench.fitness import Facts, Noise
from bench.machine import fingerprint
from bench.meters import HostMeter
from bench.sides import Arms

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.cell import Cell
    from bench.runner import Progress

    Say = Callable[[str], None]
    Tell = Callable[[Progress], None]

WATCH_S = 2.0
# 8 rounds, the fewest that give a verdict, within about 20 s.
ROUNDS, SLICES, WARMUP_S = 8, 6, 0.1
LIMIT_S = 10.0
CLIENT, LOOP = "memory", "asyncio"
_CLOCK_READINGS, _CLOCK_TRIES = 1000, 20
_VERSION_LIMIT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that the harness uses where it is there: what for, its version or the lack of it."""

    name: str
    use: str
    available: bool
    detail: str
    mend: str


_TOOLS = (
    ("uv", "environments for other versions", "https://docs.astral.sh/uv/getting-started/installation/"),
    ("docker", "brokers as containers", "https://docs.docker.com/engine/install/"),
    ("valgrind", "counting instructions", "sudo apt-get install valgrind"),
    ("git", "commits in fingerprints, checkouts as clients", "sudo apt-get install git"),
)


def tools() -> list[Tool]:
    """The programs besides brokers, with the command that mends the lack of one."""
    return [_tool(*one) for one in _TOOLS]


def _tool(name: str, use: str, mend: str) -> Tool:
    try:
        said = subprocess.run(
            [name, "--version"], capture_output=True, text=True, timeout=_VERSION_LIMIT_S, check=True
        ).stdout
    except FileNotFoundError:
        return Tool(name=name, use=use, available=False, detail="not installed", mend=mend)
    except (OSError, subprocess.SubprocessError):
        return Tool(name=name, use=use, available=False, detail="does not say its version", mend=mend)
    version = re.search(r"\d+(\.\d+)+", said)
    return Tool(name=name, use=use, available=True, detail=version[0] if version else "here", mend="")


def facts() -> Facts:
    """What this machine says now; takes two seconds, in which nothing of ours runs."""
    meter = HostMeter(own=[os.getpid()])
    time.sleep(WATCH_S)
    seen = meter.noise()
    return Facts(
        machine=fingerprint(),
        watched_s=seen.elapsed_s,
        steal_share=seen.steal_share,
        others_cores=seen.others_cores,
        pressure_share=seen.cpu_pressure_share,
        load_per_minute=_load(),
        memory_available_bytes=psutil.virtual_memory().available,
        physical_cores=psutil.cpu_count(logical=False),
        on_battery=_on_battery(),
        clock_resolution_ns=time.get_clock_info("monotonic").resolution * 1e9,
        clock_read_ns=_clock_read_ns(),
    )


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none
        return None


def _on_battery() -> bool | None:
    """Whether a battery feeds it; None where there is none."""
    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError, RuntimeError):  # not on every platform
        return None
    return None if battery is None or battery.power_plugged is None else not battery.power_plugged


def _clock_read_ns() -> float:
    """What a reading of the clock costs, the median of several tries: one may be interrupted."""
    read = time.monotonic_ns
    took = []
    for _ in range(_CLOCK_TRIES):
        began = read()
        for _ in range(_CLOCK_READINGS):
            read()
        took.append((read() - began) / _CLOCK_READINGS)
    return statistics.median(took)


async def noise(*, say: Say, tell: Tell, rounds: int = ROUNDS, slices: int = SLICES) -> Noise:
    """The memory client against itself in paired turns: what differs is this machine's noise.

    Raises BenchError where it cannot be measured at all.
    """
    from bench.comparison import stored_cells  # noqa: PLC0415  # the statistics take seconds to load

    entry = catalogue.find_client(CLIENT)
    scenario = catalogue.find_scenario(catalogue.HEADLINE).points[0]
    scenario = replace(scenario, warmup_s=WARMUP_S, measure_s=slices * SLICE_S)
    pair = [
        plan.Case(
            number=number,
            scenario_name=catalogue.HEADLINE,
            point=side,
            scenario=scenario,
            client=CLIENT,
            entry=entry,
            loop=LOOP,
        )
        for number, side in ((1, "A"), (2, "A again"))
    ]
    planned = plan.paired(
        [(pair[0], pair[1])],
        missing=lambda *_: None,
        rounds=rounds,
        slices=slices,
        seed=secrets.randbits(32),
        limit_s=LIMIT_S,
    )
    arms = Arms(differ="client", base="A", candidate="A again", pairs=((1, 2),))
    wanted = session.wanted_by(planned, consumers=False)
    with tempfile.TemporaryDirectory(prefix="mqbench-doctor-") as folder:
        async with environments.prepared(wanted.values(), say=say) as ready:
            await session.measured(
                planned,
                {number: ready[one] for number, one in wanted.items()},
                {},
                Path(folder),
                broker="auto",
                facts={"arms": arms.to_json()},
                say=say,
                tell=tell,
            )
        stored = results.load(Path(folder))
        (cell,) = stored_cells(stored.facts, stored.trials, stored.slices)
    return _noise_of(cell)


def _noise_of(cell: Cell) -> Noise:
    if cell.ratio is None or cell.ratio_low is None or cell.ratio_high is None:
        raise EngineError(f"the noise of this machine could not be measured: {cell.reason}")
    return Noise(
        rounds=cell.rounds,
        outcome=cell.outcome,
        ratio=cell.ratio,
        ratio_low=cell.ratio_low,
        ratio_high=cell.ratio_high,
        detectable=cell.detectable,
    )
