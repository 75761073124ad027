"""``mqbench check``: the gate that fails a build where the candidate is slower than the base."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import values
from bench.cli.measuring import measured, requested
from bench.cli.options import (
    with_broker,
    with_budget,
    with_metrics,
    with_resume,
    with_stages,
    with_turns,
    with_view,
)
from bench.cli.output import note, print_page
from bench.cli.resumable import Resumable

if TYPE_CHECKING:
    from bench.check import Finished
    from bench.gate.gatefile import Asked

EPILOG = """\b
The gate is [tool.mqbench] in pyproject.toml, or mqbench.toml, which mqbench init writes.

\b
Examples:
  mqbench check                                      the checkout against the base of pyproject.toml
  mqbench check --base git:main                      against another commit of the same repository
  mqbench check --base aio-pika==9.6.2 --candidate aio-pika==10.2.1 --config gate.toml
  mqbench check --meter instructions                 more work, whatever the machine does meanwhile
  mqbench check --resume RUN                         the rest of a gate that was interrupted

\b
Exit codes:
  0 pass            3 inconclusive                   6 a cell is missing, invalid or lost messages
  1 regression      4 refused: not comparable        130 interrupted
  2 usage           5 environment unfit: the base differs from itself, or broker or worker failed
"""


@click.command(cls=Resumable, epilog=EPILOG)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="TOML file with the gate  [default: pyproject.toml or mqbench.toml]",
)
@click.option("--base", metavar="REQ", help="Base: a requirement, git:REF or an adapter file.")
@click.option("--candidate", metavar="REQ", help="Candidate, likewise  [default: the checkout]")
@with_budget("Time for each cell  [default: 60s]")
@with_stages("Rounds of the two stages, instead of a budget.")
@click.option(
    "--margin",
    callback=values.share,
    metavar="PERCENT",
    help="Slow-down that passes no more, in every cell  [default: 5%]",
)
@click.option(
    "--meter",
    type=click.Choice(["time", "instructions"]),
    help="What is compared: time, or work counted by valgrind, in one short round  [default: time]",
)
@with_broker
@with_turns
@with_resume
@with_metrics
@with_view
@click.option(
    "--allow-dirty-base", "allow_dirty", is_flag=True, help="Take a base with changes that are not committed."
)
@click.option(
    "--markdown",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the summary there; also into $GITHUB_STEP_SUMMARY where it is set.",
)
@click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write JUnit XML there."
)
@click.option(
    "--json",
    "as_json",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the outcome there as JSON.",
)
@click.pass_context
def check(context: click.Context, /, **asked: Any) -> None:
    """Is the candidate slower than the base? Fails a build only where it is sure.

    Base, candidate and a second copy of the base take turns in each round. What the first stage finds slower
    or cannot pass is decided by a second one on fresh rounds. With --meter instructions the three are counted
    once, and the question is whether the candidate does more work.
    """
    from bench import check as checking
    from bench.gate import gatefile

    gate = _changed(gatefile.read(asked.pop("config")), asked)
    said = context.get_parameter_source("broker") is not click.core.ParameterSource.DEFAULT
    broker = asked.pop("broker")
    files = {name: asked.pop(name) for name in ("markdown", "junit", "as_json")}
    _check_writable(files)
    request = requested(
        checking.Request,
        asked=gate,
        broker=broker if said or gate.broker is None else gate.broker,
        **asked,
    )
    finished = measured(checking.run, request)
    _show(finished, files)
    sys.exit(finished.gate.exit_code)


def _changed(gate: Asked, asked: dict[str, Any]) -> Asked:
    """The gate of the file with what the options say instead."""
    from bench.errors import UsageError
    from bench.gate import gatefile

    names = ("base", "candidate", "budget_s", "rounds", "slices", "margin", "meter")
    given = {name: value for name in names if (value := asked.pop(name)) is not None}
    timed = [f"--{name.removesuffix('_s')}" for name in ("budget_s", "rounds", "slices") if name in given]
    if given.get("meter", gate.meter) == "instructions" and timed:
        raise UsageError(f"--meter instructions does not go with {', '.join(timed)}: leave it out")
    if "budget_s" in given and "rounds" in given:
        raise UsageError("--rounds says what --budget would plan: give one")
    if given.get("margin", 1) < gatefile.LEAST_MARGIN:
        raise UsageError(f"--margin takes at least {gatefile.LEAST_MARGIN:.0%}: less is never called slower")
    if "margin" in given:
        margin = given.pop("margin")
        given["cells"] = tuple(replace(cell, margin=margin) for cell in gate.cells)
    if "budget_s" in given:
        given["rounds"] = None
    return replace(gate, **given)


def _check_writable(files: dict[str, Path | None]) -> None:
    """Before anything is measured: a gate whose outcome nobody can read is of no use."""
    from bench.errors import UsageError

    for path in files.values():
        if path is not None and not path.absolute().parent.is_dir():
            raise UsageError(f"there is no folder {path.parent} to write {path.name} into")


def _show(finished: Finished, files: dict[str, Path | None]) -> None:
    from bench import results
    from bench.report import gate as report

    gate = finished.gate
    print_page(report.page(gate), "table")
    note(f"mqbench: rounds and turns are in {finished.folder}")
    facts = results.load_facts(finished.folder)
    json_text = report.as_json(gate, facts)
    texts = {
        files["markdown"]: report.as_markdown(gate),
        files["junit"]: report.as_junit(gate),
        files["as_json"]: json_text,
        finished.folder / results.CHECK: json_text,
    }
    for path, text in texts.items():
        if path is not None:
            results.write_text(path, text)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        results.write_text(Path(summary), report.as_markdown(gate), append=True)
