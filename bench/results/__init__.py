"""Run folders: written so that a killed run keeps what it measured, and read again."""

from __future__ import annotations

from bench.results.files import (
    CHECK,
    COMPARISON,
    LATENCIES,
    PROFILE,
    RUN,
    SLICES,
    STEPS,
    TRIALS,
    WORK,
    check_unused,
    held,
    rewrite,
    without_credentials,
    write_text,
)
from bench.results.recorder import Recorder
from bench.results.stored import Run, load, load_facts
from bench.results.tables import Table, read_table, rewrite_table, typed, whole_rows, write_table

__all__ = [
    "CHECK",
    "COMPARISON",
    "LATENCIES",
    "PROFILE",
    "RUN",
    "SLICES",
    "STEPS",
    "TRIALS",
    "WORK",
    "Recorder",
    "Run",
    "Table",
    "check_unused",
    "held",
    "load",
    "load_facts",
    "read_table",
    "rewrite",
    "rewrite_table",
    "typed",
    "whole_rows",
    "without_credentials",
    "write_table",
    "write_text",
]
