"""``mqbench show``: the tables of a stored run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import RESULTS, with_shape
from bench.cli.output import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report.summary import CaseSummary
    from bench.results import Run


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@with_shape("table", "json", "csv")
def show(run_folder: Path, shape: str) -> None:
    """Print the table of a stored RUN (a folder, or its name under results/)."""
    folder = (
        run_folder if run_folder.is_dir() or not (RESULTS / run_folder).is_dir() else RESULTS / run_folder
    )
    print_stored(folder, shape)


def print_stored(folder: Path, shape: str) -> None:
    from bench import results
    from bench.report import summary

    stored = results.load(folder)
    cases = summary.summarise(stored.trials)
    compared = "arms" in stored.facts
    if shape == "table":
        _print_run(stored, cases)
        if compared:
            _print_comparison(stored, shape)
    elif compared:
        _print_comparison(stored, shape)
    else:
        as_text = summary.as_json if shape == "json" else summary.as_csv
        click.echo(as_text(cases), nl=shape == "json")


def _print_run(stored: Run, cases: Sequence[CaseSummary]) -> None:
    from bench.report import terminal

    page = console()
    for part in terminal.rendered(stored, cases):
        page.print(part)


def _print_comparison(stored: Run, shape: str) -> None:
    from bench.comparison import stored_cells  # the statistics take a second to load
    from bench.report import versus

    cells = stored_cells(stored.facts, stored.trials, stored.slices)
    if shape != "table":
        click.echo(versus.as_json(cells) if shape == "json" else versus.as_csv(cells), nl=shape == "json")
        return
    if cells:
        console().print(versus.table(cells))
    for warning in versus.warnings(stored.trials, cells):
        click.echo(f"! {warning}")
    for cell in cells:
        click.echo(versus.sentence(cell))
