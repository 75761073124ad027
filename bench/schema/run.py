"""The tables of a run: trials.csv, slices.csv, steps.csv and profile.csv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.schema.column import FEW, Column
from bench.schema.scenarios import SCENARIO_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping


_IDENTITY = (
    Column("case", "number of the case within the run"),
    Column("round", "the replicate; 0 for a case that was skipped"),
    Column("block", "which cases took turns together"),
    Column("status", "valid, invalid or skipped; only valid rows may be averaged"),
    Column("reason", "why the row is not valid"),
    Column("scenario", "name of the scenario"),
    Column("point", "what tells this point of a sweep from the others"),
    *SCENARIO_FIELDS,
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
        ("p50", f"median; {FEW}"),
        ("p90", f"90th percentile; {FEW}"),
        ("p99", f"99th percentile; {FEW}"),
        ("p999", f"99.9th percentile; {FEW}"),
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

_TRAFFIC = (
    Column(
        "sent_bytes_per_message",
        "bytes that the client's TCP connections sent in timed stretches, of all that goes over them: "
        "messages, confirms, acknowledgements; empty where the kernel does not tell (it is not Linux), or "
        "connections came or went meanwhile",
    ),
    Column("received_bytes_per_message", "bytes that they received, likewise"),
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
    *_TRAFFIC,
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
    Column("latency_p99_us", f"99th percentile; {FEW}"),
    Column("client_cpu_us_per_message", "CPU time of the worker"),
    Column("broker_cpu_us_per_message", "CPU time of the broker; empty where it is not ours"),
    Column("worker_rss_bytes", "resident set of the worker after the turn; empty where it is not seen"),
    *_TRAFFIC,
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
    Column("latency_p99_us", f"99th percentile; {FEW}"),
    Column("latency_max_us", "largest"),
)

PROFILE_COLUMNS = (
    Column("case", "number of the case within the run"),
    Column("language", "Python: counted in bytecodes; C: counted in instructions"),
    Column("function", "module and function; that of an adapter is called adapter"),
    Column("per_message", "bytecodes or instructions a message, without those of what it calls"),
)


def untimed(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without rates, times and latencies: of a worker that runs fifty times slower they say nothing."""
    timed = {column.name for column in (*_TIMED, *_SLICE_TIMES)}
    return {name: None if name in timed else value for name, value in row.items()}
