"""The results schema: every column with its meaning, its unit in its name, and the version of the whole."""

from __future__ import annotations

from bench.schema.answers import CAPACITY_COLUMNS, SOAK_COLUMNS, SWEEP_COLUMNS, TUNE_COLUMNS
from bench.schema.column import Column
from bench.schema.comparisons import COMPARISON_COLUMNS, WORK_COMPARISON_COLUMNS
from bench.schema.ledger import LEDGER_COLUMNS, LEDGER_ROUND_COLUMNS
from bench.schema.run import PROFILE_COLUMNS, SLICE_COLUMNS, STEP_COLUMNS, TRIAL_COLUMNS, WORK_NAMES, untimed
from bench.schema.scenarios import SCENARIO_COLUMN, scenario_columns

__all__ = [
    "CAPACITY_COLUMNS",
    "COMPARISON_COLUMNS",
    "LEDGER_COLUMNS",
    "LEDGER_ROUND_COLUMNS",
    "PROFILE_COLUMNS",
    "SCENARIO_COLUMN",
    "SCHEMA_VERSION",
    "SLICE_COLUMNS",
    "SOAK_COLUMNS",
    "STEP_COLUMNS",
    "SWEEP_COLUMNS",
    "TRIAL_COLUMNS",
    "TUNE_COLUMNS",
    "WORK_COMPARISON_COLUMNS",
    "WORK_NAMES",
    "Column",
    "scenario_columns",
    "untimed",
]

SCHEMA_VERSION = 1
