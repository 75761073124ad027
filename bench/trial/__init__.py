"""One case in one round: its turns, folded into the row that trials.csv has for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.histogram import Histogram, percentile_or_none
from bench.schema import TRIAL_COLUMNS, WORK_NAMES, scenario_columns
from bench.trial import amounts, backlog, cost, fairness, schedule, traffic

if TYPE_CHECKING:
    from bench.brokers.origin import Broker
    from bench.driver.depth import Waiting
    from bench.driver.sample import Offered
    from bench.environments import Environment
    from bench.meters import HostNoise
    from bench.plan import Case
    from bench.trial.turn import Turn

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}


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
            turn = self.turns[0].took_in(turn)
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
        rates, used = amounts.rates(self), cost.columns(self)
        return {
            **identity(self.case, self.broker, self.environment, self.consumer_environment),
            "round": self.round,
            "block": self.block,
            "status": self.status,
            "reason": self.failure or "",
            "hash_seed": self.hash_seed,
            **amounts.counts(self),
            **rates,
            **{
                name: value
                for metric in self.histograms.items()
                for name, value in percentiles(*metric).items()
            },
            **schedule.columns(
                self.offered,
                messages=sum(turn.messages for turn in self.turns),
                rate_per_s=rates["rate_per_s"],
                client_cores=used["client_cores"],
            ),
            **backlog.columns(self.waits),
            **fairness.columns("producer", [turn.produced_per_s for turn in self.turns]),
            **fairness.columns("consumer", [turn.consumed for turn in self.turns]),
            **used,
            **traffic.columns(
                [turn.traffic for turn in self.turns], sum(t.account.received for t in self.turns)
            ),
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
        if (asked := self.case.scenario.schedule) is None:
            return []
        return [place | row for row in schedule.step_rows(asked, self.offered)]

    @property
    def waits(self) -> list[Waiting]:
        """What waited in the broker, of the turns in which it was asked."""
        return [turn.waiting for turn in self.turns if turn.waiting is not None]


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
