"""A comparison in words: a table with a line a cell, and a sentence for each that needs no table."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.cell import also_differ
from bench.report.grid import Grid, Heading, Page, Row, grid
from bench.report.summary import csv_of
from bench.schema import COMPARISON_COLUMNS
from bench.stats.figures import figure_with_interval
from bench.stats.intervals import CONFIDENCE, Interval
from bench.stats.verdicts import ALPHA, MARGIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.cell import Cell


def page(rows: Sequence[Mapping[str, Any]], cells: Sequence[Cell]) -> Page:
    """The table, what to beware of, and a sentence for each cell."""
    told = Page()
    if cells:
        told.table(grid_of(cells))
    told.note(*warnings(rows, cells))
    told.say(*map(sentence, cells))
    return told


def grid_of(cells: Sequence[Cell], *, interval: str = "95 % interval") -> Grid:
    figures = ("base msg/s", "candidate msg/s", f"ratio [{interval}]", "rounds")
    return grid(
        (
            *(Heading(name=name) for name in ("cell", "base", "candidate")),
            *(Heading(name=name, number=True) for name in figures),
            Heading(name="verdict", whole=True),
            Heading(name="would see", number=True),
        ),
        (
            Row(
                (
                    cell.place,
                    cell.base,
                    cell.candidate,
                    _rate(cell.base_rate_per_s),
                    _rate(cell.candidate_rate_per_s),
                    ratio(cell),
                    str(cell.rounds),
                    cell.outcome,
                    "" if cell.detectable is None else f"{cell.detectable:.1%}".replace("%", " %"),
                ),
                wrong=cell.outcome == "invalid",
            )
            for cell in cells
        ),
    )


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


def warnings(rows: Sequence[Mapping[str, Any]], cells: Sequence[Cell]) -> Iterator[str]:
    """In what else the sides differ, which nobody asked for; once where it is so in several cells."""
    found = (also_differ(rows, (cell.base_case, cell.candidate_case)) for cell in cells)
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
    interval = Interval(estimate=estimate, low=low, high=high, confidence=CONFIDENCE, count=cell.rounds)
    figure, _, bounds = figure_with_interval(interval).partition(" ")
    return f"{figure} % {bounds}"


def _between(cell: Cell) -> str:
    assert cell.ratio_low is not None
    assert cell.ratio_high is not None
    return f"the ratio is {ratio(cell)}"


def ratio(cell: Cell) -> str:
    if cell.ratio is None or cell.ratio_low is None or cell.ratio_high is None:
        return ""
    return figure_with_interval(
        Interval(
            estimate=cell.ratio,
            low=cell.ratio_low,
            high=cell.ratio_high,
            confidence=CONFIDENCE,
            count=cell.rounds,
        )
    )


def _seen(cell: Cell) -> str:
    if cell.detectable is None:
        return ""
    share = f"{cell.detectable:.1%}".replace("%", " %")
    return f" Differences from {share} would have been seen (9 times in 10, at p < {ALPHA:g})."


def _rate(rate_per_s: float | None) -> str:
    return "" if rate_per_s is None else f"{float(f'{rate_per_s:.3g}'):,.0f}"
