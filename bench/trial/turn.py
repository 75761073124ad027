"""One slice as the parent knows it: what the worker said of it, and what the broker used meanwhile. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from bench.driver.depth import Waiting
from bench.driver.sample import Offered
from bench.gauges import Usage
from bench.histogram import Histogram, percentile_or_none
from bench.payload import Account
from bench.sockets import Traffic
from bench.trial import traffic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One slice as the parent knows it: the worker's sample, and what the broker used meanwhile."""

    messages: int
    sent: int
    confirmed: int | None
    account: Account
    elapsed_s: float
    usage: Usage
    latency: Histogram
    confirm: Histogram
    lag: Histogram
    negative_latencies: int
    broker_cpu_s: float | None
    consumer_usage: Usage | None = None
    worker_rss_bytes: int | None = None
    received_bytes: int | None = None
    traffic: Traffic | None = None
    offered: Offered | None = None
    produced_per_s: Sequence[float] = ()
    consumed: Sequence[int] = ()
    waiting: Waiting | None = None

    @classmethod
    def from_answer(
        cls, sample: dict[str, Any], broker_cpu_s: float | None, worker_rss_bytes: int | None = None
    ) -> Turn:
        parsed = {
            **sample,
            "account": Account(**sample["account"]),
            "usage": Usage(**sample["usage"]),
            "consumer_usage": Usage(**apart) if (apart := sample.get("consumer_usage")) else None,
            **{name: Histogram.from_pairs(sample[name]) for name in ("latency", "confirm", "lag")},
            "offered": Offered.from_json(offered) if (offered := sample.get("offered")) else None,
            "traffic": Traffic(**carried) if (carried := sample.get("traffic")) else None,
            "waiting": Waiting(**waiting) if (waiting := sample.get("waiting")) else None,
        }
        return cls(**parsed, broker_cpu_s=broker_cpu_s, worker_rss_bytes=worker_rss_bytes)

    @property
    def rate_per_s(self) -> float:
        return self.account.received / self.elapsed_s

    def took_in(self, other: Turn) -> Turn:
        """Adds the other's histograms to its own; returns the other without them."""
        for name in ("latency", "confirm", "lag"):
            getattr(self, name).merge(getattr(other, name))
        bare = replace(other, latency=Histogram(), confirm=Histogram(), lag=Histogram())
        if self.offered is None or other.offered is None:
            return bare
        self.offered.slip.merge(other.offered.slip)
        self.offered.uncorrected.merge(other.offered.uncorrected)
        for mine, more in zip(self.offered.steps, other.offered.steps, strict=True):
            mine.latency.merge(more.latency)
        steps = tuple(replace(step, latency=Histogram()) for step in other.offered.steps)
        offered = replace(other.offered, slip=Histogram(), uncorrected=Histogram(), steps=steps)
        return replace(bare, offered=offered)

    def row(self, trial: Trial, turn: int, place: int) -> dict[str, Any]:
        """The row of slices.csv for this turn of a trial."""
        each_us = 1e6 / max(1, self.account.received)
        return {
            "case": trial.case.number,
            "round": trial.round,
            "block": trial.block,
            "slice": turn,
            "turn": place,
            "messages": self.messages,
            **asdict(self.account),
            "elapsed_s": self.elapsed_s,
            "rate_per_s": self.rate_per_s,
            "latency_p50_us": percentile_or_none(self.latency, 50.0),
            "latency_p99_us": percentile_or_none(self.latency, 99.0),
            "client_cpu_us_per_message": (self.usage.cpu_user_s + self.usage.cpu_system_s) * each_us,
            "broker_cpu_us_per_message": None if self.broker_cpu_s is None else self.broker_cpu_s * each_us,
            "worker_rss_bytes": self.worker_rss_bytes,
            **traffic.columns([self.traffic], self.account.received),
            "broker_messages_max": self.waiting and self.waiting.most,
            "broker_messages_end": self.waiting and self.waiting.end,
            "instructions": None,
        }

    @property
    def wrong(self) -> str | None:
        """Why this turn makes its trial invalid; None if every message is accounted for."""
        if not self.account.whole(self.messages):
            return self.account.describe(self.messages)
        if self.confirmed is not None and self.confirmed != self.sent:
            return f"{self.sent - self.confirmed} of {self.sent} publishes were not confirmed"
        return None
