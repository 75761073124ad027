"""Stored cases compared, in words: the table, what it may not be used for, and JSON of the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.report import versus
from bench.report.grid import Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.cell import Cell

SENTENCES = 8
"""More cells than this, and the table says it better than their sentences."""

ADVISORY = (
    "Advisory: the runs were not measured together. Their intervals hold what varied within each run and not "
    "what differs from one run to the next, so a difference of a few percent may be the day's. "
    "A verdict comes from mqbench ab."
)


def page(cells: Sequence[Cell], *, advisory: bool, notes: Iterable[str]) -> Page:
    told = Page()
    joint = len(cells) > 1
    told.table(versus.grid_of(cells, interval="joint 95 % interval" if joint else "95 % interval"))
    if advisory:
        told.note(ADVISORY)
    told.note(*notes)
    if joint:
        told.say(f"All {len(cells)} intervals hold at once with 95 % confidence, so the rows may be ranked.")
    if len(cells) <= SENTENCES:
        told.say(*map(versus.sentence, cells))
    return told


def as_json(cells: Sequence[Cell], *, advisory: bool, runs: Sequence[str]) -> str:
    told = {"advisory": advisory, "runs": list(runs), "cells": versus.rows(cells)}
    return json.dumps(told, indent=2, ensure_ascii=False)
