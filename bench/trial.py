"""One case in one round: its turns, folded into the row that trials.csv has for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bench import backlog, fairness
from bench.bottleneck import bottleneck
from bench.driver.depth import Waiting
from bench.driver.sample import Offered
from bench.gauges import NOTHING, Usage
from bench.histogram import Histogram, percentile_or_none
from bench.keeping import schedule_columns, step_rows, target_rate_per_s
from bench.payload import STAMP_BYTES, Account
from bench.schema import TRIAL_COLUMNS, WORK_NAMES, scenario_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.brokers.origin import Broker
    from bench.environments import Environment
    from bench.meters import HostNoise
    from bench.plan import Case

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}


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
            "waiting": Waiting(**waiting) if (waiting := sample.get("waiting")) else None,
        }
        return cls(**parsed, broker_cpu_s=broker_cpu_s, worker_rss_bytes=worker_rss_bytes)

    @property
    def rate_per_s(self) -> float:
        return self.account.received / self.elapsed_s

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


@dataclass(slots=True, kw_only=True)
class Trial:
    """Collects the turns of a case in a round; ``failure`` is why it ended early, if it
    did, and ``unsupported`` that the client cannot do it, as it found only when it was there.
    """

    case: Case
    round: int
    block: int
    broker: Broker
    environment: Environment
    consumer_environment: Environment | None = None
    hash_seed: int
    began_s: float
    usable_cores: float | None = None
    slice_messages: int = 0
    setup: dict[str, float] = field(default_factory=dict)
    first_message_s: float | None = None
    turns: list[Turn] = field(default_factory=list)
    failure: str | None = None
    unsupported: bool = False
    peak_rss_bytes: int | None = None
    noise: HostNoise | None = None
    harness_cpu_us: float | None = None

    def add(self, turn: Turn) -> None:
        """Keeps a turn. The first one's histograms take in those of all others, which are many in a soak."""
        if self.turns:
            first = self.turns[0]
            for name in ("latency", "confirm", "lag"):
                getattr(first, name).merge(getattr(turn, name))
            turn = replace(turn, latency=Histogram(), confirm=Histogram(), lag=Histogram())
            if first.offered is not None and turn.offered is not None:
                first.offered.slip.merge(turn.offered.slip)
                first.offered.uncorrected.merge(turn.offered.uncorrected)
                for mine, more in zip(first.offered.steps, turn.offered.steps, strict=True):
                    mine.latency.merge(more.latency)
                steps = tuple(replace(step, latency=Histogram()) for step in turn.offered.steps)
                bare = replace(turn.offered, slip=Histogram(), uncorrected=Histogram(), steps=steps)
                turn = replace(turn, offered=bare)
        self.turns.append(turn)

    @property
    def status(self) -> str:
        if self.unsupported:
            return "skipped"
        return "valid" if self.failure is None else "invalid"

    @property
    def latency(self) -> Histogram:
        return merged(turn.latency for turn in self.turns)

    @property
    def confirm(self) -> Histogram:
        return merged(turn.confirm for turn in self.turns)

    @property
    def histograms(self) -> dict[str, Histogram]:
        """What latency.hlog holds, by the name of the metric."""
        return {
            "latency": self.latency,
            "confirm": self.confirm,
            "loop_lag": merged(turn.lag for turn in self.turns),
            "latency_uncorrected": merged(one.uncorrected for one in self.offered),
            "slip": merged(one.slip for one in self.offered),
        }

    def row(self) -> dict[str, Any]:
        """The row of trials.csv, with every column."""
        return {
            **identity(self.case, self.broker, self.environment, self.consumer_environment),
            "round": self.round,
            "block": self.block,
            "status": self.status,
            "reason": self.failure or "",
            "hash_seed": self.hash_seed,
            **self._counts(),
            **self._rates(),
            **{
                name: value
                for metric in self.histograms.items()
                for name, value in percentiles(*metric).items()
            },
            **self._schedule(),
            **backlog.columns(self.waits),
            **fairness.columns("producer", [turn.produced_per_s for turn in self.turns]),
            **fairness.columns("consumer", [turn.consumed for turn in self.turns]),
            **self._cost(),
            "meter": "time",
            **dict.fromkeys(WORK_NAMES),
        }

    @property
    def offered(self) -> list[Offered]:
        """What schedules asked for, of the turns that had one."""
        return [turn.offered for turn in self.turns if turn.offered is not None]

    def step_rows(self) -> list[dict[str, Any]]:
        """The rows of steps.csv; none for a schedule of one step, or none."""
        place = {"case": self.case.number, "round": self.round, "block": self.block}
        schedule = self.case.scenario.schedule
        return [place | row for row in step_rows(schedule, self.offered)] if schedule is not None else []

    @property
    def waits(self) -> list[Waiting]:
        """What waited in the broker, of the turns in which it was asked."""
        return [turn.waiting for turn in self.turns if turn.waiting is not None]

    def _schedule(self) -> dict[str, Any]:
        return schedule_columns(
            self.offered,
            messages=sum(turn.messages for turn in self.turns),
            rate_per_s=self._rates()["rate_per_s"],
            client_cores=self._cost()["client_cores"],
        )

    def _counts(self) -> dict[str, Any]:
        account = sum((turn.account for turn in self.turns), Account())
        confirmed = [turn.confirmed for turn in self.turns if turn.confirmed is not None]
        return {
            "slices": len(self.turns),
            "slice_messages": self.slice_messages,
            "sent": sum(turn.sent for turn in self.turns),
            "confirmed": sum(confirmed) if confirmed else None,
            "received": account.received,
            "lost": account.lost,
            "duplicated": account.duplicated,
            "reordered": account.reordered,
            "corrupted": account.corrupted,
            "requeued": account.requeued,
            "negative_latencies": sum(turn.negative_latencies for turn in self.turns),
            "stamped": self.case.scenario.payload_bytes >= STAMP_BYTES,
        }

    def _rates(self) -> dict[str, Any]:
        elapsed_s = sum(turn.elapsed_s for turn in self.turns)
        counts = self._counts()
        rate_per_s = counts["received"] / elapsed_s if elapsed_s else None
        confirmed = counts["confirmed"]
        return {
            "rate_per_s": rate_per_s,
            "confirmed_per_s": confirmed / elapsed_s if confirmed and elapsed_s else None,
            "bytes_per_s": self._received_bytes() / elapsed_s if elapsed_s else None,
            "elapsed_s": elapsed_s,
            "declare_s": self.setup.get("declare_s"),
            "connect_s": self.setup.get("connect_s"),
            "join_s": self.setup.get("join_s") if self.case.scenario.measure == "end-to-end" else None,
            "first_message_s": self._first_message_s(),
            "drift": self._drift(),
        }

    def _received_bytes(self) -> int:
        size = self.case.scenario.payload_bytes
        return sum(
            turn.account.received * size if turn.received_bytes is None else turn.received_bytes
            for turn in self.turns
        )

    def _first_message_s(self) -> float | None:
        if self.first_message_s is None:
            return None
        return self.first_message_s + sum(
            self.setup.get(name, 0.0) for name in ("declare_s", "connect_s", "join_s")
        )

    def _drift(self) -> float | None:
        third = len(self.turns) // 3
        if not third:
            return None
        first, last = self.turns[:third], self.turns[-third:]
        before = sum(turn.rate_per_s for turn in first)
        return sum(turn.rate_per_s for turn in last) / before - 1 if before else None

    def _cost(self) -> dict[str, Any]:
        usage = sum((turn.usage for turn in self.turns), NOTHING)
        elapsed_s = sum(turn.elapsed_s for turn in self.turns)
        broker = [turn.broker_cpu_s for turn in self.turns if turn.broker_cpu_s is not None]
        cpu_s, broker_s = usage.cpu_user_s + usage.cpu_system_s, sum(broker) if broker else None
        each_us = 1e6 / max(1, sum(turn.account.received for turn in self.turns))
        apart = [turn.consumer_usage for turn in self.turns if turn.consumer_usage is not None]
        apart_s = sum(one.cpu_user_s + one.cpu_system_s for one in apart)
        busiest_s = max(apart_s, cpu_s - apart_s)  # of two workers, each has a loop and a core of its own
        verdict = bottleneck(
            client_cores=busiest_s / elapsed_s if elapsed_s else None,
            broker_cores=broker_s / elapsed_s if broker_s is not None and elapsed_s else None,
            noise=self.noise,
            usable_cores=self.usable_cores,
            broker_max_cores=self.broker.most_cores,
            rate_per_s=self._rates()["rate_per_s"],
            target_rate_per_s=target_rate_per_s(self.offered, sum(turn.messages for turn in self.turns)),
            piled_up=backlog.piled_up(self.case.scenario, self.waits, self.slice_messages),
        )
        harness = self.harness_cpu_us
        return {
            "client_cpu_us_per_message": cpu_s * each_us,
            "client_cpu_user_us_per_message": usage.cpu_user_s * each_us,
            "client_cpu_system_us_per_message": usage.cpu_system_s * each_us,
            "consumer_cpu_us_per_message": apart_s * each_us if apart else None,
            "broker_cpu_us_per_message": None if broker_s is None else broker_s * each_us,
            "client_cores": cpu_s / elapsed_s if elapsed_s else None,
            "broker_cores": broker_s / elapsed_s if broker_s is not None and elapsed_s else None,
            "peak_rss_bytes": self.peak_rss_bytes,
            "gc_collections": usage.gc_collections,
            "gc_pause_s": usage.gc_pause_s,
            "voluntary_switches": usage.voluntary_switches,
            "involuntary_switches": usage.involuntary_switches,
            "harness_share": min(1.0, harness / (cpu_s * each_us)) if harness and cpu_s else None,
            "bottleneck": verdict.verdict,
            "bottleneck_why": verdict.why,
            "steal_share": self.noise and self.noise.steal_share,
            "cpu_pressure_share": self.noise and self.noise.cpu_pressure_share,
            "others_cores": self.noise and self.noise.others_cores,
            "host_switches_per_s": self.noise and self.noise.context_switches_per_s,
        }


def identity(
    case: Case,
    broker: Broker | None,
    environment: Environment | None,
    consumer: Environment | None = None,
) -> dict[str, Any]:
    """The columns that say what a row is about."""
    return {
        "case": case.number,
        "scenario": case.scenario_name,
        "point": case.point,
        **scenario_columns(case.scenario),
        "client": case.client,
        "client_version": environment and environment.client_version,
        "client_requires": environment and environment.requires,
        "consumer_client": case.consumer and case.consumer[0],
        "consumer_client_version": consumer and consumer.client_version,
        "consumer_client_requires": consumer and consumer.requires,
        "loop": case.loop,
        "loop_version": environment and environment.loop_version,
        "python_version": environment and environment.python_version,
        "protocol": case.protocol,
        "broker_kind": broker and broker.kind,
        "broker_origin": broker and broker.origin,
        "broker_version": broker and broker.version,
        "broker_url": broker and broker.shown_url,
        "load_model": case.scenario.load_model,
    }


def skipped_row(case: Case, reason: str) -> dict[str, Any]:
    """The row of a case that was not run."""
    row: dict[str, Any] = dict.fromkeys((column.name for column in TRIAL_COLUMNS), None)
    return {**row, **identity(case, None, None), "round": 0, "status": "skipped", "reason": reason}


def merged(histograms: Any) -> Histogram:
    total = Histogram()
    for histogram in histograms:
        total.merge(histogram)
    return total


def percentiles(what: str, histogram: Histogram) -> dict[str, Any]:
    row = {
        f"{what}_{name}_us": percentile_or_none(histogram, percentile)
        for name, percentile in PERCENTILES.items()
    }
    return {**row, f"{what}_max_us": histogram.maximum if histogram.total else None}
