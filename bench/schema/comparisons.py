"""The tables of comparisons: comparison.csv, and that of counted work."""

from __future__ import annotations

from bench.schema.column import Column

COMPARISON_COLUMNS = (
    Column("base_case", "number of the base's case"),
    Column("candidate_case", "number of the candidate's case"),
    Column("place", "what both sides share: scenario, point, client and loop"),
    Column("base", "the side that is compared with, and the version that was measured"),
    Column("candidate", "the other side"),
    Column("outcome", "faster, slower, no difference, inconclusive, invalid or skipped, of the candidate"),
    Column("reason", "the figures that led there"),
    Column("rounds", "rounds in which both sides were valid: the replicates"),
    Column("ratio", "candidate over base: Hodges and Lehmann's over rounds of the medians over slice pairs"),
    Column("ratio_low", "lower end of its 95 % interval"),
    Column("ratio_high", "upper end"),
    Column("detectable", "the smallest difference that so many rounds see 9 times in 10, as a share"),
    Column("p", "two-sided signed-rank p-value, adjusted for the number of cells"),
    Column("base_rate_per_s", "the base's rate: the geometric mean over these rounds"),
    Column("candidate_rate_per_s", "the candidate's"),
    Column("sentence", "all of it in words"),
)

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
