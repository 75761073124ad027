"""The tables that answer a question about settings or load: sweep, tune, capacity and soak."""

from __future__ import annotations

from bench.schema.column import FEW, Column

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
    Column("latency_p99_us", f"99th percentile; {FEW}"),
    Column("worker_rss_bytes", "resident set of the worker after the window"),
    Column("settled", "true: after the settling time, so part of the slopes"),
)
