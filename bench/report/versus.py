"""A comparison in words: a table with a line a cell, and a sentence for each that needs no table."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from bench.comparison import also_differ
from bench.report.summary import csv_of
from bench.schema import COMPARISON_COLUMNS
from bench.stats.verdicts import ALPHA, MARGIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from bench.comparison import Cell


def table(cells: Sequence[Cell]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("cell", "base", "candidate"):
        shown.add_column(name, overflow="fold")
    for name in ("base msg/s", "candidate msg/s", "ratio [95 % interval]", "rounds"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("verdict", no_wrap=True)
    shown.add_column("would see", justify="right", no_wrap=True)
    for cell in cells:
        shown.add_row(
            cell.place,
            cell.base,
            cell.candidate,
            _rate(cell.base_rate_per_s),
            _rate(cell.candidate_rate_per_s),
            _ratio(cell),
            str(cell.rounds),
            cell.outcome,
            "" if cell.detectable is None else f"{cell.detectable:.1%}".replace("%", " %"),
            style="red" if cell.outcome == "invalid" else None,
        )
    return shown


def sentence(cell: Cell) -> str:
    """The whole of it, to be said aloud."""
    who, whom = cell.candidate, _short(cell.base, cell.candidate)
    at = f"at {cell.place}" if cell.place else "in a cell"
    if cell.outcome == "skipped":
        return f"{who} and {whom} were not compared {at}: {cell.reason}."
    if cell.outcome == "invalid":
        return f"{who} and {whom} cannot be compared {at}: {cell.reason}."
    if cell.base == cell.candidate:
        who, whom = f"The candidate ({cell.candidate})", f"the base (also {cell.base})"
    if cell.outcome == "inconclusive":
        return f"Whether {who} is faster or slower than {whom} {at} stays open: {cell.reason}.{_seen(cell)}"
    if cell.outcome == "no difference":
        within = f"{MARGIN:.0%}".replace("%", " %")
        return f"{who} is as fast as {whom} {at}, within {within}: {_between(cell)}.{_seen(cell)}"
    return f"{who} is {_by(cell)} {cell.outcome} than {whom} {at}.{_seen(cell)}"


def warnings(trials: pd.DataFrame, cells: Sequence[Cell]) -> Iterator[str]:
    """In what else the sides differ, which nobody asked for; once where it is so in several cells."""
    found = (also_differ(trials, (cell.base_case, cell.candidate_case)) for cell in cells)
    for base, candidate in dict.fromkeys(one for one in found if one is not None):
        yield (
            f"Their dependencies differ too: {base or 'nothing more'} on the side of the base, "
            f"{candidate or 'nothing more'} on the candidate's."
        )


def rows(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """The rows of comparison.csv."""
    return [{**asdict(cell), "sentence": sentence(cell)} for cell in cells]


def as_json(cells: Sequence[Cell]) -> str:
    return json.dumps(rows(cells), indent=2, ensure_ascii=False)


def as_csv(cells: Sequence[Cell]) -> str:
    return csv_of(rows(cells), [column.name for column in COMPARISON_COLUMNS])


def _short(base: str, candidate: str) -> str:
    """The base by its version alone, where the name was said already."""
    name, _, version = base.partition(" ")
    return version if version and candidate.partition(" ")[0] == name and base != candidate else base


def _by(cell: Cell) -> str:
    """How much, with its interval, towards the side that the verdict names: ``3.1 % [2.0, 4.2]``."""
    assert cell.ratio is not None
    assert cell.ratio_low is not None
    assert cell.ratio_high is not None
    if cell.outcome == "faster":
        shares = (cell.ratio, cell.ratio_low, cell.ratio_high)
    else:
        shares = (1 / cell.ratio, 1 / cell.ratio_high, 1 / cell.ratio_low)
    estimate, low, high = (100 * (share - 1) for share in shares)
    return f"{estimate:.1f} % [{low:.1f}, {high:.1f}]"


def _between(cell: Cell) -> str:
    assert cell.ratio_low is not None
    assert cell.ratio_high is not None
    return f"the ratio is {_ratio(cell)}"


def _ratio(cell: Cell) -> str:
    if cell.ratio is None or cell.ratio_low is None or cell.ratio_high is None:
        return ""
    return f"{cell.ratio:.3f} [{cell.ratio_low:.3f}, {cell.ratio_high:.3f}]"


def _seen(cell: Cell) -> str:
    if cell.detectable is None:
        return ""
    share = f"{cell.detectable:.1%}".replace("%", " %")
    return f" Differences from {share} would have been seen (9 times in 10, at p < {ALPHA:g})."


def _rate(rate_per_s: float | None) -> str:
    return "" if rate_per_s is None else f"{float(f'{rate_per_s:.3g}'):,.0f}"
