"""``mqbench report``: stored runs as one self-contained page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import complete
from bench.cli.output import note, to_stderr
from bench.cli.show import cells_of, gate_of, stored_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.report.html.source import Source
    from bench.results import Run

REPORT = "report.html"

EPILOG = """\b
Examples:
  mqbench report results/reference/headline-rabbitmq --output headline.html
  mqbench report RUN                 writes RUN/report.html
  mqbench report RUN RUN --output both.html
"""


@click.command(epilog=EPILOG)
@click.argument(
    "runs",
    metavar="RUN...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    shell_complete=complete.runs,
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Page to write  [default: report.html in the folder of the first RUN]",
)
def report(runs: Sequence[Path], output: Path | None) -> None:
    """Write stored RUNs (folders, or their names under results/) as one HTML page.

    The page holds all that it shows, with its data, and loads nothing from anywhere.
    """
    folders = [stored_folder(run) for run in runs]
    click.echo(str(written(folders, output or folders[0] / REPORT)))


def written(folders: Sequence[Path], output: Path) -> Path:
    """The page, once it is on disk; raises ResultsError if it cannot be."""
    from bench import results
    from bench.report.html.page import rendered

    text = rendered([source(folder) for folder in folders])
    results.write_text(output, text)
    return output


def written_after(folder: Path) -> None:
    """The page of a run that has just ended; where it cannot be written, that is said and the run counts."""
    from bench.errors import BenchError

    try:
        path = written([folder], folder / REPORT)
    except BenchError as error:
        to_stderr(f"no report: {error}")
    else:
        note(f"report: {path}")


def source(folder: Path) -> Source:
    """A stored run with all its files; raises ResultsError where there is none."""
    from bench import hlog, results
    from bench.errors import ResultsError
    from bench.report.html.source import Source

    run = results.load(folder)
    names = (results.TRIALS, results.SLICES, results.STEPS, results.COMPARISON)
    files = {name: (folder / name).read_text(encoding="utf-8") for name in names if (folder / name).is_file()}
    log = folder / results.LATENCIES
    try:
        latencies = hlog.read(log) if log.is_file() else []
    except ValueError as error:
        raise ResultsError(
            f"the latencies of {folder} cannot be read ({error}); without the file the rest can"
        ) from error
    slices = results.read_table(folder / results.SLICES) if results.SLICES in files else []
    return Source(
        run=run,
        files=files,
        slices=slices,
        cells=cells_of(run) if "arms" in run.facts and not is_counted(run) else None,
        told=told(run, slices),
        latencies=latencies,
    )


def told(run: Run, slices: Sequence[Mapping[str, Any]]) -> Sequence[str] | None:
    """What a run that asked for more than rates came to: instructions, a gate, a sweep; else None."""
    if "gate" in run.facts:
        from bench.report import gate

        judged = gate_of(run)
        return [gate.sentence(judged), *(f"{one.place}: {one.reason}." for one in judged.cells)]
    if is_counted(run):
        from bench import work
        from bench.report import work as words
        from bench.sides import Arms

        if "arms" in run.facts:
            return [words.sentence(one) for one in work.compare(Arms.from_json(run.facts["arms"]), run.rows)]
        return [words.case_sentence(case) for case in work.summarise(run.rows)]
    from bench.answers import stored_answer

    answer = stored_answer(run.facts, run.rows, slices)
    return None if answer is None else answer.sentences


def is_counted(run: Run) -> bool:
    """Whether instructions were counted, and nothing was timed."""
    return run.facts.get("meter") == "instructions"
