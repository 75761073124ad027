"""What limited a case: client, broker, host, the offered rate, or nothing that can be seen. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bench.meters import HostNoise

# One event loop runs on one core. It never shows a whole core: a slice starts and drains with an idle loop,
# and every poll that finds nothing is idling too; a loop that has work all the time shows 0.9 to 1.0.
SATURATED_SHARE = 0.90
# Ticks of 10 ms and processes that hop between cores leave a few percent of a full machine unseen.
FULL_SHARE = 0.95
# Time that the hypervisor takes is missing from every process's share, so that none looks saturated; from 5 %
# on it is of the size of the differences that a gate is asked about (its default margin).
STEAL_SHARE = 0.05
# Of a full machine the broker is the limit, and not the lack of cores, where it takes twice as much as all
# the rest: then even a client that cost nothing would gain less than half of what the broker has.
BROKER_OVER_REST = 2.0
# A schedule that was kept to 1 % was kept: its last messages are still under way when a slice ends.
KEPT_SHARE = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Bottleneck:
    """What limited a case, and the figures that led there as one sentence."""

    verdict: Literal["client", "broker", "host", "rate", "delivery", "unclear"]
    why: str


def bottleneck(
    *,
    client_cores: float | None,
    broker_cores: float | None,
    noise: HostNoise | None,
    usable_cores: float | None = None,
    broker_max_cores: float | None = None,
    rate_per_s: float | None = None,
    target_rate_per_s: float | None = None,
    piled_up: int | None = None,
) -> Bottleneck:
    """What limited the rate. ``*_cores`` are CPU seconds per second of the measured slices, None if unknown.

    ``usable_cores`` is what affinity and quota leave of the host (default: all of it), ``broker_max_cores``
    what the broker can use at most (1 for a single event loop; None if it spreads over all cores),
    ``piled_up`` how many messages waited in the broker when an open load had all been sent, where that is a
    backlog. The first that applies:

    - rate: it was offered ``target_rate_per_s`` and delivered it, so nothing more was tried;
    - unclear: client and broker were both at their own limit;
    - client: its event loop, which has one core at most, was busy 90 % of the time;
    - host: the hypervisor took 5 % of the time;
    - broker: it was busy for 90 % of what it can use, or the cores were full and it took two thirds of them;
    - host: the cores were full, of all of them together or of somebody else's work;
    - delivery: messages piled up in the broker, so that its delivery or the consumers were too slow, and not
      publishing;
    - unclear: everybody waited, for instance for the window in flight, a disk, a network, or one of the
      broker's own processes.
    """
    cores = usable_cores or (noise.cores if noise else None)
    client, broker = client_cores or 0.0, broker_cores or 0.0
    others = (noise.others_cores if noise else None) or 0.0
    stolen = (noise.steal_share if noise else None) or 0.0
    client_full = client >= SATURATED_SHARE
    broker_full = broker_max_cores is not None and broker >= SATURATED_SHARE * broker_max_cores
    full = cores is not None and client + broker + others >= (FULL_SHARE - stolen) * cores
    cases: tuple[tuple[bool, Literal["client", "broker", "host", "rate", "delivery"] | None, str], ...] = (
        (_kept(rate_per_s, target_rate_per_s), "rate", "all that was asked for came"),
        (client_full and broker_full, None, "client and broker were both at their limit"),
        (client_full, "client", "the client's event loop filled its core"),
        (stolen >= STEAL_SHARE, "host", "the hypervisor gave its time to others"),
        (broker_full, "broker", "the broker filled what it can use"),
        (full and broker >= BROKER_OVER_REST * (client + others), "broker", "the broker filled the cores"),
        (full, "host", "no core was left"),
        (
            piled_up is not None,
            "delivery",
            "messages piled up in the broker: its delivery or the consumers could not keep up",
        ),
    )
    verdict, reason = next(
        ((verdict, reason) for applies, verdict, reason in cases if applies), (None, "nobody was at a limit")
    )
    figures = _figures(client_cores, broker_cores, noise, cores)
    if rate_per_s is not None and target_rate_per_s is not None:
        figures = f"{rate_per_s:,.0f} of {target_rate_per_s:,.0f} messages a second, {figures}"
    if piled_up is not None:
        figures = f"{figures}, {piled_up:,} messages waiting in the broker when the last was sent"
    return Bottleneck(verdict=verdict or "unclear", why=f"{reason}: {figures}")


def _kept(rate_per_s: float | None, target_rate_per_s: float | None) -> bool:
    return (
        target_rate_per_s is not None
        and rate_per_s is not None
        and rate_per_s >= KEPT_SHARE * target_rate_per_s
    )


def _figures(
    client_cores: float | None, broker_cores: float | None, noise: HostNoise | None, cores: float | None
) -> str:
    """Such as "client 0.95, broker 0.90 and others 0.05 of 2 cores, 0.4 % stolen", or "unknown"."""

    def shown(name: str, used: float | None) -> str:
        return f"{name} unknown" if used is None else f"{name} {used:.2f}"

    others = shown("others", noise.others_cores if noise else None)
    of = "" if cores is None else f" of {cores:g} cores"
    stolen = "" if noise is None or noise.steal_share is None else f", {noise.steal_share:.1%} stolen"
    used = f"{shown('client', client_cores)}, {shown('broker', broker_cores)} and {others}{of}{stolen}"
    return used.replace("%", " %")
