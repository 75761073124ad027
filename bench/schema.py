"""The results schema: every column with its meaning, its unit in its name, and the version of the whole."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from bench.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a results file: what it holds, with its unit in the name."""

    name: str
    meaning: str


SCENARIO_COLUMN = {"rate_per_s": "asked_rate_per_s"}
"""Columns of scenario fields that cannot have the field's name, as a result has it."""

_SCENARIO_MEANING = {
    "producers": "producers in the worker, each with a connection of its own",
    "consumers": "consumers in the worker, each with a connection of its own",
    "queues": "queues; producer i and consumer j use queues i and j modulo this",
    "prefetch": "messages that a consumer may hold unacknowledged",
    "payload_bytes": "size of a message body; the mean of a mix",
    "payload_mix": "sizes and ranges that bodies were drawn from, with weights; empty: all had one size",
    "in_flight": "publishes that one producer keeps outstanding",
    "rate_per_s": "messages a second that the scenario asked for, over all producers; empty: no one rate",
    "schedule": "rates over time that the scenario asked for instead, as RATE:TIME and RATE-RATE:TIME",
    "arrivals": "of an open load: constant gaps between messages, or poisson arrivals",
    "max_outstanding": "messages that might be between publish and receipt at once; empty: any number",
    "fan_out": "every consumer got every message; messages and rates are deliveries",
    "topics": "topics over which each queue's messages were spread; its consumers subscribed to them by one "
    "pattern; empty: nothing was routed by topic",
    "churn": "a producer connected anew for each message, and left after it",
    "request_reply": "each message was a request that a consumer answered: messages and rates are round "
    "trips, latency is from a request's sending (of an open load, from when it was due) to its reply's "
    "receipt",
    "delivery": "push: the broker sent messages as they came; pull: consumers asked for them; empty: the way "
    "that the client's adapter has by itself",
    "requeue_every": "a consumer returned every n-th message when it first came; empty: none",
    "guarantee": "at-most-once: no confirms and no acks; at-least-once: both",
    "ack_every": "a consumer acknowledges every n-th message and those before it",
    "persistent": "the broker was asked to keep messages on disk",
    "queue_type": "type of an AMQP queue that was asked for: classic or quorum; empty: the broker's default",
    "partitions": "partitions of each topic; empty: one for each of its consumers",
    "replication": "copies of each message that the broker was asked to keep, on nodes of its own each",
    "handler": "what a consumer did with a message: none, sleep:TIME or cpu:TIME",
    "measure": "the timed stretch: end-to-end, publish or consume",
    "warmup_s": "seconds of warm-up in each round",
    "measure_s": "seconds of measurement asked for in each round",
}

_IDENTITY = (
    Column("case", "number of the case within the run"),
    Column("round", "the replicate; 0 for a case that was skipped"),
    Column("block", "which cases took turns together"),
    Column("status", "valid, invalid or skipped; only valid rows may be averaged"),
    Column("reason", "why the row is not valid"),
    Column("scenario", "name of the scenario"),
    Column("point", "what tells this point of a sweep from the others"),
    *(
        Column(SCENARIO_COLUMN.get(field.name, field.name), _SCENARIO_MEANING[field.name])
        for field in fields(Scenario)
    ),
    Column("client", "the client as it was asked for"),
    Column("client_version", "its resolved version"),
    Column("client_requires", "resolved versions of what it depends on"),
    Column(
        "consumer_client", "the client that consumed, in a worker of its own; empty: the same in the same"
    ),
    Column("consumer_client_version", "its resolved version"),
    Column("consumer_client_requires", "resolved versions of what it depends on"),
    Column("loop", "event loop"),
    Column("loop_version", "its version, the interpreter's for asyncio"),
    Column("python_version", "interpreter of the worker"),
    Column("protocol", "amqp, memory, ..."),
    Column("broker_kind", "the broker's product"),
    Column("broker_origin", "external, native, docker, embedded or in-process"),
    Column("broker_version", "its version"),
    Column("broker_url", "where it answered, without credentials"),
    Column(
        "load_model",
        "closed: a lane sends its next message when the last was confirmed; bounded: and when there is room; "
        "open: when it is due; open-bounded: when it is due and there is room",
    ),
    Column("hash_seed", "PYTHONHASHSEED of the round, the same for all its cases"),
    Column("meter", "time; or instructions: counted by callgrind, with no rates, times or latencies"),
)

_COUNTS = (
    Column("slices", "turns that were measured"),
    Column("slice_messages", "messages in a turn"),
    Column("sent", "messages handed to the client in measured turns"),
    Column("confirmed", "publishes that the broker confirmed; empty at most once"),
    Column("received", "messages that came, each counted once, intact"),
    Column("lost", "messages that did not come"),
    Column("duplicated", "further copies of a message that had come"),
    Column(
        "reordered",
        "messages that came after a later one of their stream, to the same consumer; not counted where a "
        "consumer reads several partitions",
    ),
    Column("corrupted", "bodies whose stamp, length or filling was changed"),
    Column("requeued", "messages that their consumer returned to the broker when they first came"),
    Column("negative_latencies", "messages that came before they were sent, by the clock"),
    Column("stamped", "false: bodies too small for a stamp, so messages were only counted"),
)

_RATES = (
    Column("rate_per_s", "delivered and verified messages a second, over all turns: the headline"),
    Column("target_rate_per_s", "of an open load: what its schedule asked for, over all turns"),
    Column("schedule_kept", "of an open load: as much came as was asked for, to 1 %"),
    Column("confirmed_per_s", "confirmed publishes a second; empty at most once"),
    Column("bytes_per_s", "delivered and verified payload bytes a second"),
    Column("elapsed_s", "length of all timed stretches together"),
    Column("declare_s", "making the queues, before any timed stretch"),
    Column("connect_s", "connecting the producers"),
    Column("join_s", "connecting the consumers; empty unless measured end to end"),
    Column(
        "first_message_s",
        "making the queues, connecting both sides, and the first message from its send to its receipt; "
        "empty unless measured end to end by one worker",
    ),
    Column(
        "drift",
        "last third of the turns against the first, minus 1; flagged in warnings, never used to choose data",
    ),
)

_FEW = "empty with fewer than ten samples beyond it"
_LATENCY = tuple(
    Column(f"{what}_{name}_us", f"{meaning}, {described}")
    for what, meaning in (
        (
            "latency",
            "end-to-end latency to the receipt, from the send; of an open load, from when it was due",
        ),
        ("latency_uncorrected", "of an open load: from the send to the receipt, which leaves waiting out"),
        ("slip", "of an open load: how late the harness itself was with a message that was due"),
        ("confirm", "time from the send to the broker's confirm"),
        ("loop_lag", "how late the event loop ran a timer"),
    )
    for name, described in (
        ("p50", f"median; {_FEW}"),
        ("p90", f"90th percentile; {_FEW}"),
        ("p99", f"99th percentile; {_FEW}"),
        ("p999", f"99.9th percentile; {_FEW}"),
        ("max", "largest"),
    )
)

_FAIRNESS = tuple(
    Column(f"{what}_{name}", f"{meaning} {amount}; empty with one {what}")
    for what, amount in (
        ("producer", "rates of producers, each until its own last confirm, of a load that is not open"),
        ("consumer", "messages that consumers got"),
    )
    for name, meaning in (
        ("fairness", "Jain's index of the"),
        ("smallest_share", "smallest part of the sum of the"),
        ("largest_share", "largest part of the sum of the"),
    )
)

_TRUST = (
    Column("overruns", "of an open load: messages that were due when no lane was free for them, or no room"),
    Column("latency_valid", "of an open load: false where the harness could not send what was due by itself"),
    Column("latency_reason", "why latency is not valid"),
)

_WAITING = (
    Column(
        "broker_messages_max",
        "the most messages that were seen to wait in the broker, for a consumer (AMQP) or until they were "
        "acknowledged (other protocols); empty where it was not asked or cannot say",
    ),
    Column(
        "broker_messages_end",
        "how many waited when all had been sent, or of measure=consume handled: the median over turns",
    ),
)

_COST = (
    Column("client_cpu_us_per_message", "CPU time of the worker in timed stretches, user and system"),
    Column("client_cpu_user_us_per_message", "of that, user time"),
    Column("client_cpu_system_us_per_message", "of that, system time"),
    Column("consumer_cpu_us_per_message", "of that, the consumer's, where it has a worker of its own"),
    Column("broker_cpu_us_per_message", "CPU time of the broker's processes; empty where they are not ours"),
    Column("client_cores", "CPU seconds of the worker per second"),
    Column("broker_cores", "CPU seconds of the broker per second; empty where it is not ours"),
    Column("peak_rss_bytes", "largest resident set of the worker"),
    Column("gc_collections", "garbage collections in timed stretches"),
    Column("gc_pause_s", "time spent in them"),
    Column("voluntary_switches", "times the worker waited"),
    Column("involuntary_switches", "times the worker was taken off the processor"),
    Column(
        "harness_share",
        "part of the client's CPU time per message that the memory client would need, and so at most ours",
    ),
    Column("bottleneck", "client, broker, host, rate, delivery or unclear"),
    Column("bottleneck_why", "the figures that led there"),
    Column("steal_share", "processor time that the hypervisor took during the turns"),
    Column("cpu_pressure_share", "time in which something waited for a processor"),
    Column("others_cores", "CPU seconds per second of processes that are not part of the run"),
    Column("host_switches_per_s", "times a second that any processor of the host changed to another task"),
)

_WORK = (
    Column("instructions_per_message", "of the worker, outside the kernel: the median of the repeats"),
    Column("instructions_low_per_message", "the lowest of the repeats"),
    Column("instructions_high_per_message", "the highest"),
    Column("instructions_repeats", "how often the slope between two message counts was taken"),
)
WORK_NAMES = tuple(column.name for column in _WORK)

_TIMED = (*_RATES, *_LATENCY, *_TRUST, *_WAITING, *_FAIRNESS, *_COST)
TRIAL_COLUMNS: tuple[Column, ...] = (*_IDENTITY, *_COUNTS, *_TIMED, *_WORK)

_SLICE_TIMES = (
    Column("elapsed_s", "length of the timed stretch"),
    Column("rate_per_s", "delivered and verified messages a second"),
    Column("latency_p50_us", "median end-to-end latency"),
    Column("latency_p99_us", f"99th percentile; {_FEW}"),
    Column("client_cpu_us_per_message", "CPU time of the worker"),
    Column("broker_cpu_us_per_message", "CPU time of the broker; empty where it is not ours"),
    Column("worker_rss_bytes", "resident set of the worker after the turn; empty where it is not seen"),
    Column("broker_messages_max", "the most messages that were seen to wait in the broker"),
    Column("broker_messages_end", "how many waited when all had been sent, or of measure=consume handled"),
)

SLICE_COLUMNS: tuple[Column, ...] = (
    Column("case", "number of the case within the run"),
    Column("round", "the replicate"),
    Column("block", "which cases took turns together"),
    Column("slice", "which of the case's turns, from 0"),
    Column("turn", "place of the turn in the block's random order, from 0"),
    Column("messages", "messages in the turn"),
    Column("received", "messages that came, each counted once, intact"),
    Column("lost", "messages that did not come"),
    Column("duplicated", "further copies of a message that had come"),
    Column("reordered", "messages that came after a later one of their stream"),
    Column("corrupted", "bodies that were changed"),
    Column("requeued", "messages that their consumer returned to the broker when they first came"),
    *_SLICE_TIMES,
    Column("instructions", "what the stretch took, where instructions are counted"),
)

STEP_COLUMNS = (
    Column("case", "number of the case within the run"),
    Column("round", "the replicate"),
    Column("block", "which cases took turns together"),
    Column("step", "which step of the schedule, from 1"),
    Column("rates", "the step, as RATE:TIME or RATE-RATE:TIME"),
    Column("messages", "messages that were due in it and came, over all turns"),
    Column("target_rate_per_s", "messages a second that were due, from the first to the last of them"),
    Column("rate_per_s", "messages a second that came of those, from the first receipt to the last"),
    Column("kept", "as much came as was due, to 1 %"),
    Column("latency_p50_us", "median latency from when a message was due"),
    Column("latency_p99_us", f"99th percentile; {_FEW}"),
    Column("latency_max_us", "largest"),
)

COMPARISON_COLUMNS = (
    Column("base_case", "number of the base's case"),
    Column("candidate_case", "number of the candidate's case"),
    Column("place", "what both sides share: scenario, point, client and loop"),
    Column("base", "the side that is compared with, and the version that was measured"),
    Column("candidate", "the other side"),
    Column("outcome", "faster, slower, no difference, inconclusive, invalid or skipped, of the candidate"),
    Column("reason", "the figures that led there"),
    Column("rounds", "rounds in which both sides were valid: the replicates"),
    Column("ratio", "candidate over base: the geometric mean over rounds of the medians over slice pairs"),
    Column("ratio_low", "lower end of its 95 % interval"),
    Column("ratio_high", "upper end"),
    Column("detectable", "the smallest difference that so many rounds see 9 times in 10, as a share"),
    Column("p", "two-sided sign-flip p-value, adjusted for the number of cells"),
    Column("base_rate_per_s", "the base's rate: the geometric mean over these rounds"),
    Column("candidate_rate_per_s", "the candidate's"),
    Column("sentence", "all of it in words"),
)

_MEASURED = (
    Column("rounds", "rounds in which it was valid: the replicates"),
    Column("rate_per_s", "delivered and verified messages a second, the geometric mean over rounds"),
    Column("rate_low_per_s", "lower end of its 95 % interval"),
    Column("rate_high_per_s", "upper end"),
    Column("latency_p50_us", "median end-to-end latency, the median over rounds"),
    Column("latency_p99_us", "99th percentile, the median over rounds"),
)

SWEEP_COLUMNS = (
    Column("case", "number of the case in trials.csv"),
    Column("client", "the client as it was asked for"),
    Column("client_version", "its resolved version"),
    Column("loop", "event loop"),
    Column("field", "the field that was swept"),
    Column("value", "its value"),
    Column("status", "valid, invalid or skipped"),
    Column("reason", "why it is not valid"),
    *_MEASURED,
    Column("power", "rate over median latency; of payload_bytes, bytes a second over it"),
    Column("knee", "of the point of the greatest power: first, inside or last of the points; else empty"),
    Column("knee_rounds", "rounds that, taken alone, have their greatest power here"),
)

TUNE_COLUMNS = (
    Column("stage", "screen, final or confirm"),
    Column("case", "number of the case in trials.csv"),
    Column("prefetch", "messages that a consumer may hold unacknowledged"),
    Column("in_flight", "publishes that one producer keeps outstanding"),
    Column("ack_every", "a consumer acknowledges every n-th message and those before it"),
    Column("status", "valid, invalid or skipped"),
    Column("reason", "why it is not valid"),
    *_MEASURED,
    Column("share", "its rate over that of the stage's best, the geometric mean over rounds"),
    Column("share_low", "lower end of its 95 % interval; empty for the best itself and for one round"),
    Column("share_high", "upper end"),
    Column("chosen", "true: went on to the next stage; in the last, the answer"),
)

CAPACITY_COLUMNS = (
    Column("case", "number of the trial's case in trials.csv"),
    Column("full", "true: a full trial, which confirms; false: a short one of the search"),
    Column("asked_rate_per_s", "messages a second that were due"),
    Column("holds", "most of its rounds had every message, p99 within the limit, and no backlog"),
    Column("reason", "why it does not hold"),
    Column("rounds", "rounds in which it was valid: the replicates"),
    Column("rate_per_s", "messages a second that came, the geometric mean over rounds"),
    Column("latency_p50_us", "median end-to-end latency from when a message was due, the median over rounds"),
    Column("latency_p99_us", "99th percentile, the median over rounds"),
    Column("latency_p99_low_us", "lower end of the 95 % interval of its geometric mean over rounds"),
    Column("latency_p99_high_us", "upper end"),
)

SOAK_COLUMNS = (
    Column("window", "which of the windows, from 0"),
    Column("at_s", "seconds from the first window's start to this one's end, measured stretches alone"),
    Column("rate_per_s", "messages a second that came"),
    Column("lost", "messages that did not come"),
    Column("duplicated", "further copies of a message that had come"),
    Column("reordered", "messages that came after a later one of their stream"),
    Column("corrupted", "bodies that were changed"),
    Column("latency_p50_us", "median end-to-end latency from when a message was due"),
    Column("latency_p99_us", f"99th percentile; {_FEW}"),
    Column("worker_rss_bytes", "resident set of the worker after the window"),
    Column("settled", "true: after the settling time, so part of the slopes"),
)


def scenario_columns(scenario: Scenario) -> dict[str, Any]:
    """A scenario as the columns of a row."""
    return {SCENARIO_COLUMN.get(name, name): value for name, value in scenario.to_json().items()}


WORK_COMPARISON_COLUMNS = (
    Column("base_case", "number of the base's case"),
    Column("candidate_case", "number of the candidate's case"),
    Column("place", "what both sides share: scenario, point, client and loop"),
    Column("base", "the side that is compared with, and the version that was measured"),
    Column("candidate", "the other side"),
    Column("outcome", "more work, less work, same work, inconclusive, invalid or skipped"),
    Column("reason", "the figures that led there"),
    Column("repeats", "slopes of each side"),
    Column("ratio", "instructions per message, candidate over base"),
    Column("ratio_low", "the candidate's lowest repeat over the base's highest"),
    Column("ratio_high", "the candidate's highest over the base's lowest"),
    Column("base_instructions_per_message", "the median of the base's repeats"),
    Column("candidate_instructions_per_message", "of the candidate's"),
    Column("sentence", "all of it in words"),
)

PROFILE_COLUMNS = (
    Column("case", "number of the case within the run"),
    Column("language", "Python: counted in bytecodes; C: counted in instructions"),
    Column("function", "module and function; that of an adapter is called adapter"),
    Column("per_message", "bytecodes or instructions a message, without those of what it calls"),
)


LEDGER_COLUMNS = (
    Column("key", "condition, kind, level and number of the gate: what rounds.csv has its rounds under"),
    Column(
        "condition",
        "what else the machine did: quiet, shared, busy or bursty; reference: a long gate for the truth",
    ),
    Column("kind", "of the extra work, or equal where both sides are the same code"),
    Column("level", "slow-down that was aimed at, as a share; below 0 the base has the extra work"),
    Column("number", "which of the gates of its condition, kind and level"),
    Column("seed", "of its random orders"),
    Column("outcome", "what the gate said"),
    Column("reason", "the figures that led there"),
    Column("control", "holds, fails or unknown: the base against its second copy"),
    Column("stage", "the stage that decided"),
    Column("first", "rounds of the first stage"),
    Column("second", "fresh rounds of the second; 0 where there was none"),
    Column("ratio", "candidate over base, in the rounds of the stage that decided"),
    Column("ratio_low", "lower end of its 95 % interval"),
    Column("ratio_high", "upper end"),
    Column("disturbed", "what else went on, in words"),
    Column("took_s", "seconds that the gate took"),
    Column("started_at", "when its rounds began"),
    Column("whole", "whether both stages were measured whatever the first said"),
)

LEDGER_ROUND_COLUMNS = (
    Column("key", "the gate"),
    Column("round", "the replicate"),
    Column("arm", "base, candidate, or control: the second copy of the base"),
    Column("rates_per_s", "messages a second of each slice, in the order of the turns"),
)


def untimed(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without rates, times and latencies: of a worker that runs fifty times slower they say nothing."""
    timed = {column.name for column in (*_TIMED, *_SLICE_TIMES)}
    return {name: None if name in timed else value for name, value in row.items()}
