"""``mqbench export``: a stored run for the tools that people already have."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.output import to_stderr
from bench.cli.show import load_timed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.exports.cases import Exported
    from bench.results import Run

FORMATS = ("pytest-benchmark", "github-action-benchmark", "bencher", "otava")
EPILOG = """\b
Examples:
  mqbench export results/RUN --format pytest-benchmark --output run.json
  mqbench export results/RUN --format github-action-benchmark  (tool: customBiggerIsBetter)
  mqbench export results/RUN --format bencher                  (bencher run --adapter json)
  mqbench export results/A results/B results/C --format otava --output runs.csv

\b
Exit codes:
  0 every case was exported      1 a case is left out, as a row of it is not valid      2 usage
"""


@click.command(epilog=EPILOG)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format", "shape", type=click.Choice(FORMATS), required=True, help="What the other tool reads."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write; for otava also FILE.yaml, its configuration  [default: stdout]",
)
def export(runs: tuple[Path, ...], shape: str, output: Path | None) -> None:
    """Write a stored RUN as another tool reads it: messages per second, or seconds per message.

    Data are one value a round, as a round is a replicate. A case with a row that is not valid is left out,
    and said. Only otava takes several runs, a line each.
    """
    from bench.errors import UsageError
    from bench.exports.cases import exported

    if len(runs) > 1 and shape != "otava":
        raise UsageError(f"{shape} has a file for each run: export them one by one")
    stored = [load_timed(run) for run in runs]
    read = [(run, *exported(run.rows)) for run in stored]
    left_out = [f"{run.folder.name}: {why}" for run, _, reasons in read for why in reasons]
    if not any(cases for _, cases, _ in read):
        raise UsageError("; ".join(["no case can be exported", *left_out]))
    text = _document(shape, [(run, cases) for run, cases, _ in read], output, left_out)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)
    for why in left_out:
        to_stderr(f"left out: {why}")
    sys.exit(1 if left_out else 0)


def _document(
    shape: str, read: Sequence[tuple[Run, Sequence[Exported]]], output: Path | None, left_out: list[str]
) -> str:
    from bench.exports import bencher, github_action, otava, pytest_benchmark

    run, cases = read[0]
    if shape == "pytest-benchmark":
        return pytest_benchmark.document(cases, run.facts)
    if shape == "github-action-benchmark":
        return github_action.document(cases)
    if shape == "bencher":
        return bencher.document(cases)
    lines = [(one.folder.name, one.facts, its) for one, its in read]
    left_out += [
        f"{name} is not in every run, and otava knows no empty cell" for name in otava.columns(lines)[1]
    ]
    if output is not None:
        _write(output.with_name(f"{output.name}.yaml"), otava.configuration(lines, str(output)))
    return otava.document(lines)


def _write(path: Path, text: str) -> None:
    from bench.errors import ResultsError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsError(
            f"cannot write {path} ({error.strerror}); name another file with --output"
        ) from error
