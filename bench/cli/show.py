"""``mqbench show``: the tables of a stored run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli import complete
from bench.cli.options import RESULTS, with_shape
from bench.cli.output import print_page
from bench.errors import ResultsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.cell import Cell
    from bench.gate import Gate
    from bench.report.summary import CaseSummary
    from bench.results import Run


EPILOG = """\b
Examples:
  mqbench show results/reference/headline-rabbitmq
  mqbench show 20260101-120000-headline-1a2b --format markdown
  mqbench show results/reference/headline-rabbitmq --format csv
"""


@click.command(epilog=EPILOG)
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path), shell_complete=complete.runs)
@with_shape("table", "markdown", "json", "csv")
def show(run_folder: Path, shape: str) -> None:
    """Print the table of a stored RUN (a folder, or its name under results/)."""
    print_stored(stored_folder(run_folder), shape)


def stored_folder(asked: Path) -> Path:
    """The folder of a run by its path, or by its name under results/."""
    return asked if asked.is_dir() or not (RESULTS / asked).is_dir() else RESULTS / asked


def load_timed(asked: Path) -> Run:
    """A run that was timed; raises UsageError for one of instruction mode, which has no rates."""
    from bench import results
    from bench.errors import UsageError

    stored = results.load(stored_folder(asked))
    if stored.facts.get("meter") == "instructions":
        raise UsageError(f"{stored.folder} counts instructions and has no rates; mqbench show prints it")
    return stored


def print_stored(folder: Path, shape: str) -> None:
    from bench import results
    from bench.report import gate as gate_report
    from bench.report import summary, terminal, versus

    stored = results.load(folder)
    if stored.facts.get("meter") == "instructions":
        print_counted(stored, shape)
        return
    cases = summary.summarise(stored.rows)
    if "question" in stored.facts:
        _print_answer(stored, cases, shape)
        return
    cells = cells_of(stored) if "arms" in stored.facts else None
    gate = gate_of(stored) if "gate" in stored.facts else None
    if shape in ("table", "markdown"):
        page = terminal.page(stored, cases)
        if cells is not None:
            page.parts += versus.page(stored.rows, cells).parts
        if gate is not None:
            page.parts += gate_report.page(gate).parts
        print_page(page, shape)
    elif gate is not None and shape == "json":
        click.echo(gate_report.as_json(gate, stored.facts), nl=False)
    elif cells is not None:
        click.echo(versus.as_json(cells) if shape == "json" else versus.as_csv(cells), nl=shape == "json")
    else:
        as_text = summary.as_json if shape == "json" else summary.as_csv
        click.echo(as_text(cases), nl=shape == "json")


def _print_answer(stored: Run, cases: Sequence[CaseSummary], shape: str) -> None:
    from bench import results
    from bench.answers import stored_answer
    from bench.report import words

    slices = results.read_table(stored.folder / results.SLICES)
    answer = stored_answer(stored.facts, stored.rows, slices)
    if answer is None:
        raise ResultsError(
            f"{stored.folder} answers a question that this mqbench does not know; "
            f"use mqbench {stored.facts.get('mqbench_version', 'of a later version')} or newer"
        )
    if shape in ("json", "csv"):
        click.echo(answer.as_json() if shape == "json" else answer.as_csv(), nl=shape == "json")
        return
    page = answer.page()
    page.note(
        *words.warnings([case for case in cases if answer.beware is None or case.case in answer.beware])
    )
    page.say(f"run folder: {stored.folder}", words.measured_on(stored.facts), *answer.sentences)
    print_page(page, shape)


def print_counted(stored: Run, shape: str) -> None:
    """A run in instruction mode."""
    from dataclasses import asdict

    from bench import results, work
    from bench.report import gate as gate_report
    from bench.report import work as report
    from bench.report.summary import csv_of
    from bench.schema import WORK_COMPARISON_COLUMNS
    from bench.sides import Arms

    cases = work.summarise(stored.rows)
    arms = Arms.from_json(stored.facts["arms"]) if "arms" in stored.facts else None
    cells = work.compare(arms, stored.rows) if arms is not None else []
    gate = gate_of(stored) if "gate" in stored.facts else None
    if gate is not None and shape == "json":
        click.echo(gate_report.as_json(gate, stored.facts), nl=False)
        return
    if shape in ("table", "markdown"):
        page = report.page(stored, cases)
        if gate is not None:
            page.parts += gate_report.page(gate).parts
        if arms is not None:
            path = stored.folder / results.PROFILE
            profile = results.read_table(path) if path.is_file() else None
            grew = None if profile is None else {pair[1]: work.grown(profile, pair) for pair in arms.pairs}
            page.parts += report.versus_page(cells, grew).parts
        print_page(page, shape)
        return
    rows = report.rows(cells) if arms is not None else [asdict(case) for case in cases]
    names = [column.name for column in WORK_COMPARISON_COLUMNS] if arms is not None else list(rows[0])
    click.echo(report.as_json(rows) if shape == "json" else csv_of(rows, names), nl=shape == "json")


def cells_of(stored: Run) -> Sequence[Cell]:
    """What a comparison came to: as it was stored, or judged now where it never came to that."""
    from bench import results

    if (path := stored.folder / results.COMPARISON).is_file():
        from bench.cell import Cell

        return [Cell.from_row(row) for row in results.read_table(path)]
    from bench.comparison import stored_cells  # the statistics take a second to load

    return stored_cells(stored.facts, stored.trials, stored.slices)


def gate_of(stored: Run) -> Gate:
    """What a gate came to, judged from whatever of its rounds are stored."""
    from bench.gate import Design, counted

    design = Design.from_json(stored.facts["gate"])
    if stored.facts.get("meter") == "instructions":
        return counted.judged(design, stored.rows)
    from bench.gate.timed import judged  # as above

    return judged(design, stored.trials, stored.slices)
