"""Whether a machine is fit to measure on, judged from recorded facts. Pure.

Unfit is where a rate would mislead whatever is compared; doubtful is where it takes more rounds, or where a
reader must know. What a platform does not say is unknown, and no reason against it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from bench.bottleneck import STEAL_SHARE
from bench.machine import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Verdict = Literal["fit", "doubtful", "unfit", "unknown"]

# A client and a broker, each with a core to fill.
FEWEST_CORES = 2
NOTABLE_STEAL_SHARE = 0.01
NOTABLE_OTHERS_CORES, MOST_OTHERS_CORES = 0.1, 0.5
NOTABLE_PRESSURE_SHARE = 0.1
LEAST_MEMORY_BYTES, SPARE_MEMORY_BYTES = 512 << 20, 1 << 30
# A message takes two readings of the clock, and a fast client about 10 us: 2 % of them, and a fifth.
SLOW_CLOCK_NS, SLOWEST_CLOCK_NS = 100, 1000
COARSE_CLOCK_NS = 10_000
# The first is the size of differences that people ask about, the second that of "no difference".
NOTABLE_NOISE_SHARE, MOST_NOISE_SHARE = 0.02, 0.05
STEADY_GOVERNORS = ("performance",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What an A/A comparison showed: the same client on both sides, so that what differs is chance.

    ``detectable`` is the smallest difference, as a share, that so many rounds see 9 times in 10.
    """

    rounds: int
    outcome: str
    ratio: float
    ratio_low: float
    ratio_high: float
    detectable: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read from a machine; None where it does not say.

    ``steal_share``, ``others_cores`` and ``pressure_share`` are over the ``watched_s`` seconds before
    anything was measured; ``others_cores`` is what processes that are not ours used, in cores.
    """

    machine: Fingerprint
    watched_s: float
    steal_share: float | None = None
    others_cores: float | None = None
    pressure_share: float | None = None
    load_per_minute: float | None = None
    memory_available_bytes: int | None = None
    physical_cores: int | None = None
    on_battery: bool | None = None
    clock_resolution_ns: float | None = None
    clock_read_ns: float | None = None
    noise: Noise | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` gave; TypeError or ValueError names an unknown field."""
        noise = stored.get("noise")
        return cls(
            **{
                **stored,
                "machine": Fingerprint.from_json(stored["machine"]),
                "noise": Noise(**noise) if noise is not None else None,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at: the figures in words, and what mends it ("" where nothing needs to)."""

    name: str
    verdict: Verdict
    found: str
    mend: str = ""


def checks(facts: Facts) -> tuple[Check, ...]:
    """Everything that was looked at, in the order in which to read it."""
    return tuple(check(facts) for check in _CHECKS)


def is_fit(found: tuple[Check, ...]) -> bool:
    return all(check.verdict != "unfit" for check in found)


def summary(found: tuple[Check, ...]) -> str:
    """All of it in one sentence."""
    unfit = [check.name for check in found if check.verdict == "unfit"]
    doubtful = [check.name for check in found if check.verdict == "doubtful"]
    if unfit:
        return f"This machine is unfit to measure on: {', '.join(unfit)}."
    if doubtful:
        return f"This machine is fit to measure on, with doubts: {', '.join(doubtful)}."
    return "This machine is fit to measure on."


def _unknown(name: str) -> Check:
    return Check(name=name, verdict="unknown", found="this platform does not say")


def _cores(facts: Facts) -> Check:
    usable, online = facts.machine.usable_cores, facts.machine.cores_online
    if usable is None:
        return _unknown("cores")
    found = f"{usable:g} usable of {online}"
    if facts.physical_cores is not None:
        found += f", {facts.physical_cores} physical"
    if usable < FEWEST_CORES:
        mend = f"give it {FEWEST_CORES} cores: a client and a broker that share one measure each other"
        return Check(name="cores", verdict="unfit", found=found, mend=mend)
    if facts.physical_cores is not None and facts.physical_cores < FEWEST_CORES:
        mend = "client and broker share a physical core: compare CPU time per message rather than rates"
        return Check(name="cores", verdict="doubtful", found=found, mend=mend)
    return Check(name="cores", verdict="fit", found=found)


def _quota(facts: Facts) -> Check:
    quota, online = facts.machine.cpu_quota_cores, facts.machine.cores_online
    if quota is None:
        return Check(name="quota", verdict="fit", found="none")
    found = f"{quota:g} cores"
    if online is not None and quota >= online:
        return Check(name="quota", verdict="fit", found=found)
    mend = "a quota stops everything for the rest of a period once it is used up: pin cores (cpuset) instead"
    return Check(name="quota", verdict="doubtful", found=found, mend=mend)


def _governor(facts: Facts) -> Check:
    governor = facts.machine.cpu_governor
    if governor is None:
        return _unknown("governor")
    if governor in STEADY_GOVERNORS:
        return Check(name="governor", verdict="fit", found=governor)
    mend = "sudo cpupower frequency-set --governor performance"
    return Check(name="governor", verdict="doubtful", found=governor, mend=mend)


def _turbo(facts: Facts) -> Check:
    boost = facts.machine.cpu_boost
    if boost is None:
        return _unknown("turbo")
    if not boost:
        return Check(name="turbo", verdict="fit", found="off")
    mend = (
        "the clock depends on heat and on the other cores; off with: echo 1 | sudo tee "
        "/sys/devices/system/cpu/intel_pstate/no_turbo (or echo 0 into cpufreq/boost)"
    )
    return Check(name="turbo", verdict="doubtful", found="on", mend=mend)


def _power(facts: Facts) -> Check:
    if facts.on_battery is None:
        return Check(name="power", verdict="fit", found="no battery")
    if not facts.on_battery:
        return Check(name="power", verdict="fit", found="plugged in")
    return Check(
        name="power", verdict="unfit", found="on battery", mend="plug it in: it saves power as it drains"
    )


def _steal(facts: Facts) -> Check:
    if facts.steal_share is None:
        return _unknown("steal")
    found = f"{_percent(facts.steal_share)} of {facts.watched_s:.0f} s"
    if facts.steal_share >= STEAL_SHARE:
        mend = "the hypervisor gives your cores to other guests: use a machine with dedicated cores"
        return Check(name="steal", verdict="unfit", found=found, mend=mend)
    if facts.steal_share >= NOTABLE_STEAL_SHARE:
        mend = "make more rounds, or measure when the host is quieter"
        return Check(name="steal", verdict="doubtful", found=found, mend=mend)
    return Check(name="steal", verdict="fit", found=found)


def _load(facts: Facts) -> Check:
    if facts.others_cores is None:
        return _unknown("load")
    found = f"others use {facts.others_cores:.2f} cores"
    if facts.pressure_share is not None:
        found += f", something waits for a core {_percent(facts.pressure_share)} of the time"
    if facts.load_per_minute is not None:
        found += f", load {facts.load_per_minute:.2f}"
    if facts.others_cores >= MOST_OTHERS_CORES:
        mend = "end what else runs; ps --sort=-pcpu -eo pcpu,comm | head says what that is"
        return Check(name="load", verdict="unfit", found=found, mend=mend)
    if facts.others_cores >= NOTABLE_OTHERS_CORES or (facts.pressure_share or 0) >= NOTABLE_PRESSURE_SHARE:
        mend = "end what else runs, or make more rounds"
        return Check(name="load", verdict="doubtful", found=found, mend=mend)
    return Check(name="load", verdict="fit", found=found)


def _clock(facts: Facts) -> Check:
    if facts.clock_read_ns is None or facts.clock_resolution_ns is None:
        return _unknown("clock")
    source = facts.machine.clock_source or "this platform's"
    found = f"{source}, {facts.clock_read_ns:.0f} ns a reading, resolution {facts.clock_resolution_ns:.0f} ns"
    mend = "boot with clocksource=tsc, if the processor's is stable"
    if facts.clock_read_ns >= SLOWEST_CLOCK_NS or facts.clock_resolution_ns >= COARSE_CLOCK_NS:
        return Check(name="clock", verdict="unfit", found=found, mend=mend)
    if facts.clock_read_ns >= SLOW_CLOCK_NS:
        return Check(name="clock", verdict="doubtful", found=found, mend=mend)
    return Check(name="clock", verdict="fit", found=found)


def _memory(facts: Facts) -> Check:
    available = facts.memory_available_bytes
    if available is None:
        return _unknown("memory")
    found = f"{available / 2**30:.1f} GiB available"
    if (limit := facts.machine.memory_limit_bytes) is not None:
        found += f", limit {limit / 2**30:.1f} GiB"
        available = min(available, limit)
    if available < LEAST_MEMORY_BYTES:
        return Check(
            name="memory", verdict="unfit", found=found, mend="free memory: workers would be paged out"
        )
    if available < SPARE_MEMORY_BYTES:
        mend = "enough for embedded brokers; RabbitMQ and Kafka want 1 GiB"
        return Check(name="memory", verdict="doubtful", found=found, mend=mend)
    return Check(name="memory", verdict="fit", found=found)


def _python(facts: Facts) -> Check:
    options = facts.machine.python_build_options
    found = f"{facts.machine.python_implementation} {facts.machine.python_version}"
    if options is None:
        return Check(name="python", verdict="fit", found=found)
    found += f" ({options or 'no options'})"
    words = options.split()
    if "debug" in words or "-O0" in words or "-Og" in words:
        mend = "a debug build is several times slower; an optimised one comes with: uv python install"
        return Check(name="python", verdict="unfit", found=found, mend=mend)
    if "pgo" not in words:
        mend = (
            "built without profile-guided optimisation, so slower; one with it comes with: uv python install"
        )
        return Check(name="python", verdict="doubtful", found=found, mend=mend)
    return Check(name="python", verdict="fit", found=found)


def _noise(facts: Facts) -> Check:
    noise = facts.noise
    if noise is None:
        return Check(name="noise", verdict="unknown", found="not measured (--quick)")
    interval = f"{noise.ratio:.3f} [{noise.ratio_low:.3f}, {noise.ratio_high:.3f}]"
    found = f"the same against itself in {noise.rounds} rounds: {interval}"
    if noise.detectable is None:
        mend = "rounds were lost: look at what else runs, and try again"
        return Check(name="noise", verdict="doubtful", found=found, mend=mend)
    found += f"; would see {_percent(noise.detectable)}"
    more = f"more rounds see less: about {4 * noise.rounds} would see {_percent(noise.detectable / 2)}"
    if noise.outcome in ("faster", "slower"):
        mend = "it found a difference where there is none: mend what is above, and try again"
        return Check(name="noise", verdict="doubtful", found=found, mend=mend)
    if noise.detectable > MOST_NOISE_SHARE:
        return Check(name="noise", verdict="unfit", found=found, mend=f"mend what is above; {more}")
    if noise.detectable > NOTABLE_NOISE_SHARE:
        return Check(name="noise", verdict="doubtful", found=found, mend=more)
    return Check(name="noise", verdict="fit", found=found)


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


_CHECKS: tuple[Callable[[Facts], Check], ...] = (
    _cores,
    _quota,
    _governor,
    _turbo,
    _power,
    _steal,
    _load,
    _clock,
    _memory,
    _python,
    _noise,
)
