"""What connecting took and what a slice yielded, as the driver hands it on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from bench.driver.steps import Stepped
from bench.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.driver.depth import Waiting
    from bench.gauges import Usage
    from bench.payload import Account
    from bench.sockets import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How long the parts of connecting took, outside of every measured stretch."""

    declare_s: float
    connect_s: float
    join_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What a schedule asked of a slice, and how it was kept.

    scheduled_s    what ``elapsed_s`` would be if every message came when it was due
    overruns       messages that were due when no lane was free for them, or no room
    slip           how late we were ourselves; see ``bench.driver.pacing.Pace``
    uncorrected    latency from the sending on, and not from when a message was due
    steps          what each step of a schedule came to, where it has several
    """

    scheduled_s: float
    overruns: int
    slip: Histogram = field(repr=False)
    uncorrected: Histogram = field(repr=False)
    steps: tuple[Stepped, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "scheduled_s": self.scheduled_s,
            "overruns": self.overruns,
            "slip": self.slip.to_pairs(),
            "uncorrected": self.uncorrected.to_pairs(),
            "steps": [step.to_json() for step in self.steps],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        histograms = {name: Histogram.from_pairs(data[name]) for name in ("slip", "uncorrected")}
        steps = tuple(Stepped.from_json(step) for step in data.get("steps", ()))
        return cls(**{**data, **histograms, "steps": steps})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one slice yielded. ``usage``, lags and latencies are those of the timed stretch only.

    ``received_bytes`` is None where every body has the scenario's one size. ``produced_per_s`` is the rate of
    each producer until its own last publish, ``consumed`` how many messages each consumer got. ``waiting`` is
    None where nobody asked the broker, or it cannot say; ``traffic``, of the timed stretch, where the kernel
    does not tell, or connections came or went.
    """

    messages: int
    sent: int
    confirmed: int | None
    account: Account
    elapsed_s: float
    usage: Usage
    latency: Histogram = field(repr=False)
    confirm: Histogram = field(repr=False)
    lag: Histogram = field(repr=False)
    negative_latencies: int
    received_bytes: int | None = None
    traffic: Traffic | None = None
    offered: Offered | None = None
    produced_per_s: tuple[float, ...] = ()
    consumed: tuple[int, ...] = ()
    waiting: Waiting | None = None

    @property
    def rate_per_s(self) -> float:
        return self.account.received / self.elapsed_s

    def to_json(self) -> dict[str, Any]:
        return {
            "messages": self.messages,
            "sent": self.sent,
            "confirmed": self.confirmed,
            "account": asdict(self.account),
            "received_bytes": self.received_bytes,
            "elapsed_s": self.elapsed_s,
            "usage": asdict(self.usage),
            "traffic": self.traffic and asdict(self.traffic),
            "latency": self.latency.to_pairs(),
            "confirm": self.confirm.to_pairs(),
            "lag": self.lag.to_pairs(),
            "negative_latencies": self.negative_latencies,
            "produced_per_s": self.produced_per_s,
            "consumed": self.consumed,
            "offered": self.offered and self.offered.to_json(),
            "waiting": self.waiting and asdict(self.waiting),
        }

    @property
    def clean(self) -> bool:
        return self.account.whole(self.messages)


def latency_histogram(latencies_ns: Sequence[int]) -> tuple[Histogram, int]:
    """The latencies, and how many there were that are negative by the clock and in no histogram."""
    histogram, negative = Histogram(), sum(latency < 0 for latency in latencies_ns)
    histogram.add_all(latencies_ns if not negative else (value for value in latencies_ns if value >= 0))
    return histogram, negative
