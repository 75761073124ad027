"""The tables of a ledger of gates: its gates, and their rounds."""

from __future__ import annotations

from bench.schema.column import Column

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
