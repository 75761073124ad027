"""Commands, options and exit codes; the only module that prints."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bench.errors import BenchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from bench.report.summary import CaseSummary
    from bench.results import Run

T = TypeVar("T")

RESULTS = Path("results")
BROKER_VARIABLE = "MQBENCH_BROKER_URL"
INTERRUPTED = 130
PIPED_WIDTH = 120


class Commands(click.Group):
    """Ends every failure that the harness understands with one sentence and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BenchError as error:
            click.echo(f"mqbench: {error}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            ctx.exit(0)


EPILOG = """\b
Examples:
  mqbench run                                     aio-pika and aioamqp, asyncio and uvloop
  mqbench run prefetch --client aio-pika          one question about one client
  mqbench run --set payload_bytes=32,1024,65536   any field of a scenario, one value or several
  mqbench ab aio-pika==9.6.2 aio-pika==10.2.1     which of two is faster
  mqbench list scenarios                          what questions there are

\b
Exit codes:
  0 every row is valid     2 usage: what was asked for does not exist or make sense
  1 a row is invalid       5 the broker, a worker or the machine failed     130 interrupted
"""


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="mqbench", message="mqbench %(version)s")
def main() -> None:
    """Measure asyncio message-queue clients: every message accounted for, every guarantee stated."""


def _values(_: click.Context, __: click.Parameter, texts: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    from bench.scenario import Scenario

    values: dict[str, tuple[Any, ...]] = {}
    for text in texts:
        name, equals, choices = text.partition("=")
        if not equals or not choices:
            raise UsageError(f"--set takes FIELD=VALUE or FIELD=VALUE,VALUE, got {text!r}")
        values[name.strip()] = tuple(
            Scenario.parse_field(name.strip(), one.strip()) for one in choices.split(",")
        )
    return values


def _with_tls(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options for a broker that speaks TLS; they reach the command as ``tls``."""

    @functools.wraps(command)
    def given(*, tls_ca: str | None, tls_certificate: str | None, tls_key: str | None, **asked: Any) -> None:
        from bench.client import Tls

        command(tls=Tls(ca=tls_ca, certificate=tls_certificate, key=tls_key), **asked)

    for name, words in (
        ("key", "Key of that certificate, unless the same file holds it."),
        ("certificate", "Client certificate for a broker that asks for one."),
        ("ca", "Authority to trust behind amqps:// and its like  [default: those of this machine]"),
    ):
        option = click.option(
            f"--tls-{name}", envvar=f"MQBENCH_TLS_{name.upper()}", metavar="FILE", help=words
        )
        given = option(given)
    return given


@main.command()
@click.argument("scenarios", metavar="[SCENARIO]...", nargs=-1)
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="REQ",
    help="Client: aio-pika, aio-pika==9.6.2, 'aio-pika @ file:///checkout'; may be given again.",
)
@click.option(
    "--loop",
    "loops",
    multiple=True,
    metavar="REQ",
    help="Event loop, such as uvloop or uvloop==0.21.0; may be given again.",
)
@click.option(
    "--python",
    "pythons",
    multiple=True,
    metavar="PYTHON",
    help="Interpreter of the workers: a path, or a version; may be given again.",
)
@click.option(
    "--consumer-client",
    metavar="REQ",
    help="Client that consumes, in a worker of its own, what every --client publishes.",
)
@click.option(
    "--broker",
    "broker",
    default="auto",
    envvar=BROKER_VARIABLE,
    show_default=True,
    metavar="SPEC",
    help="auto, native, docker, embedded, or the URL of a broker that runs.",
)
@_with_tls
@click.option(
    "--set",
    "values",
    multiple=True,
    callback=_values,
    metavar="FIELD=VALUE[,VALUE...]",
    help="Change a field of every scenario; several values make a matrix.",
)
@click.option(
    "--rounds", type=click.IntRange(1), default=5, show_default=True, help="Replicates: fresh workers each."
)
@click.option(
    "--slices", type=click.IntRange(1), help="Turns of a case in a round  [default: one for each 0.1 s]"
)
@click.option("--seed", type=int, help="Seed of every random order  [default: drawn and recorded]")
@click.option(
    "--limit",
    "limit_s",
    type=click.FloatRange(0.1),
    default=10.0,
    show_default=True,
    help="Seconds without progress after which a client has failed.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Run folder  [default: results/TIME-SCENARIO]",
)
@click.option(
    "--format", "shape", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True
)
@click.option("--quick", is_flag=True, help="Two short rounds: a look, not a measurement.")
def run(shape: str, **asked: Any) -> None:
    """Measure SCENARIO... (names, or paths of your own files) and write a run folder.

    Without a scenario it is the headline; without --client, aio-pika and aioamqp; without --loop, asyncio
    and uvloop.
    """
    from rich.console import Console

    from bench import session
    from bench.live import view

    os.environ.pop(BROKER_VARIABLE, None)  # it may hold a password, and no child needs it
    request = session.Request(results=RESULTS, command=tuple(sys.argv[1:]), **asked)
    with view(Console(stderr=True)) as (say, tell):
        finished = _interruptible(session.run(request, say=say, tell=tell))
    _show(finished.folder, shape)
    for failure in finished.outcome.failures.values():
        click.echo(f"mqbench: invalid: {failure}", err=True)
    sys.exit(1 if finished.outcome.invalid else 0)


def _share(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not 0.001 <= share <= 0.5:
        raise UsageError(f"--until takes a precision from 0.1% to 50%, such as 2%, got {text!r}")
    return share


def _seconds(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|)", text)
    if match is None or float(match[1]) == 0:
        raise UsageError(f"--budget takes a time such as 60s or 5m, got {text!r}")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


AB_EPILOG = """\b
A side is one of (both sides of the same kind):
  aio-pika==9.6.2, 'aio-pika @ file:///checkout', my_adapter.py     a client
  loop=uvloop       python=3.12       prefetch=100 (any field of a scenario)

\b
Examples:
  mqbench ab aio-pika==9.6.2 aio-pika==10.2.1
  mqbench ab loop=asyncio loop=uvloop headline payload --client aioamqp
  mqbench ab prefetch=10 prefetch=100 --until 2%

\b
Exit codes:
  0 a verdict, whatever it is      3 every cell is inconclusive
  1 a row is invalid               4 refused: the sides are not of the same work
  2 usage                          5 the broker, a worker or the machine failed     130 interrupted
"""


@main.command(epilog=AB_EPILOG)
@click.argument("base", metavar="BASE")
@click.argument("candidate", metavar="CANDIDATE")
@click.argument("scenarios", metavar="[SCENARIO]...", nargs=-1)
@click.option("--client", metavar="REQ", help="Client of both sides  [default: aio-pika]")
@click.option("--loop", metavar="REQ", help="Event loop of both sides  [default: asyncio]")
@click.option("--python", metavar="PYTHON", help="Interpreter of both sides: a path, or a version.")
@click.option(
    "--broker",
    default="auto",
    envvar=BROKER_VARIABLE,
    show_default=True,
    metavar="SPEC",
    help="Broker of both sides: auto, native, docker, embedded, or a URL.",
)
@_with_tls
@click.option(
    "--set",
    "values",
    multiple=True,
    callback=_values,
    metavar="FIELD=VALUE[,VALUE...]",
    help="Change a field for both sides; several values make several cells.",
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    type=click.Choice(["guarantee", "persistent", "measure", "protocol"]),
    help="Compare sides that differ in this all the same; may be given again.",
)
@click.option("--rounds", type=click.IntRange(1), help="Replicates  [default: 12; a verdict needs 8]")
@click.option(
    "--slices", type=click.IntRange(1), help="Turns of a side in a round  [default: one for each 0.1 s]"
)
@click.option(
    "--budget",
    "budget_s",
    callback=_seconds,
    metavar="TIME",
    help="Plan rounds and slices for this time, such as 60s, from a short pilot within it.",
)
@click.option(
    "--until",
    callback=_share,
    metavar="PERCENT",
    help="Plan rounds for an interval of at most this to either side, such as 2%, from a pilot before it.",
)
@click.option("--seed", type=int, help="Seed of every random order  [default: drawn and recorded]")
@click.option(
    "--limit",
    "limit_s",
    type=click.FloatRange(0.1),
    default=10.0,
    show_default=True,
    help="Seconds without progress after which a client has failed.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Run folder  [default: results/TIME-SCENARIO]",
)
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True)
def ab(shape: str, **asked: Any) -> None:
    """Compare CANDIDATE with BASE, which differ in one way: is it faster, slower, or neither?

    Both are alive in each round and take turns in random order. For each cell (a point of a SCENARIO, the
    headline if none is named) it ends with the ratio candidate / base and its 95 % interval over rounds, a
    verdict, and the smallest difference that would have been seen.
    """
    from rich.console import Console

    from bench import ab as comparing
    from bench.live import view

    os.environ.pop(BROKER_VARIABLE, None)  # it may hold a password, and no child needs it
    request = comparing.Request(results=RESULTS, command=tuple(sys.argv[1:]), **asked)
    with view(Console(stderr=True)) as (say, tell):
        finished = _interruptible(comparing.run(request, say=say, tell=tell))
    _show(finished.folder, shape)
    for failure in finished.outcome.failures.values():
        click.echo(f"mqbench: invalid: {failure}", err=True)
    sys.exit(1 if finished.outcome.invalid else 0 if finished.decided else 3)


@main.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--format", "shape", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True
)
def show(run_folder: Path, shape: str) -> None:
    """Print the table of a stored RUN (a folder, or its name under results/)."""
    folder = (
        run_folder if run_folder.is_dir() or not (RESULTS / run_folder).is_dir() else RESULTS / run_folder
    )
    _show(folder, shape)


def _show(folder: Path, shape: str) -> None:
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
    from rich.console import Console

    from bench.report import terminal

    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)
    for part in terminal.rendered(stored, cases):
        console.print(part)


def _print_comparison(stored: Run, shape: str) -> None:
    from rich.console import Console

    from bench.comparison import (
        stored_cells,  # the statistics take a second to load
    )
    from bench.report import versus

    cells = stored_cells(stored.facts, stored.trials, stored.slices)
    if shape != "table":
        click.echo(versus.as_json(cells) if shape == "json" else versus.as_csv(cells), nl=shape == "json")
        return
    if cells:
        Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False).print(
            versus.table(cells)
        )
    for warning in versus.warnings(stored.trials, cells):
        click.echo(f"! {warning}")
    for cell in cells:
        click.echo(versus.sentence(cell))


@main.group("list")
def list_() -> None:
    """Say what there is, what is installed, and how to get the rest."""


@list_.command("scenarios")
def list_scenarios() -> None:
    """The questions that can be asked, and how many points each has."""
    from bench import catalogue

    _print_table(
        ("scenario", "points", "question"),
        [(entry.name, str(len(entry.points)), entry.question) for entry in catalogue.scenarios().values()],
    )


@list_.command("clients")
def list_clients() -> None:
    """The clients that have an adapter: what each can give, on what, and how to get it."""
    from bench import brokers, catalogue, environments
    from bench.loops import LOOPS

    kinds: dict[str, set[str]] = {"memory": {"none"}}
    for found in brokers.list_brokers():
        kinds.setdefault(found.protocol, set()).add(found.kind)
    loops = [name for name, loop in LOOPS.items() if loop.unfit() is None]
    rows = []
    for entry in catalogue.clients().values():
        version = environments.installed_version(entry.abilities.distribution)
        troubled = {loop for loop, _ in entry.abilities.trouble}
        rows.append(
            (
                entry.name,
                entry.abilities.protocol,
                version or "not here",
                ", ".join(entry.abilities.guarantees),
                ", ".join(sorted(kinds.get(entry.abilities.protocol, ()))),
                ", ".join(name for name in loops if name not in troubled) or "none without trouble",
                "" if version else f"built when asked for, or: {entry.how_to_get}",
            )
        )
    _print_table(("client", "speaks", "version", "guarantees", "brokers", "loops", "install with"), rows)


@list_.command("loops")
def list_loops() -> None:
    """The event loops, and whether each is installed."""
    from bench import environments
    from bench.loops import LOOPS

    _print_table(
        ("loop", "version", "what it is", "to mend"),
        [
            (loop.name, environments.loop_version(loop), loop.summary, loop.missing() or "")
            for loop in LOOPS.values()
        ],
    )


@list_.command("brokers")
def list_brokers() -> None:
    """The brokers that can be had, in the order in which auto tries them."""
    from bench import brokers

    _print_table(
        ("broker", "protocol", "origin", "here", "to mend"),
        [
            (found.kind, found.protocol, found.origin, found.detail, "" if found.available else found.mend)
            for found in brokers.list_brokers()
        ],
    )


def _print_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*names, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else PIPED_WIDTH).print(table)


@main.command()
@click.option("--prune", is_flag=True, help="Remove those that no run has used for a while.")
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    metavar="DAYS",
    help="With --prune: how long a while is.",
)
@click.option("--all", "everything", is_flag=True, help="With --prune: all but those in use.")
def envs(prune: bool, days: float, everything: bool) -> None:
    """List the environments that were built for what is not installed here, or remove them."""
    from bench import environments

    if everything and not prune:
        raise UsageError("--all says what --prune removes: give both")
    if not prune:
        _print_table(environments.COLUMNS, [built.words() for built in environments.listed()])
        return
    pruned = environments.prune(0 if everything else days)
    for built in pruned.removed:
        click.echo(f"removed {built.name} (Python {built.python_version})")
    for built in pruned.in_use:
        click.echo(f"mqbench: kept {built.name}: a run is using it", err=True)


@main.command()
@click.argument("spec", default="auto")
@click.option("--protocol", default="amqp", show_default=True, help="What the broker must speak.")
def broker(spec: str, protocol: str) -> None:
    """Start the broker SPEC, print its URL and hold it until interrupted."""
    from bench import session

    def ready(url: str, what: str) -> None:
        click.echo(f"mqbench: {what}; ends with Ctrl-C", err=True)
        click.echo(url)

    _interruptible(session.hold_broker(spec, protocol, say=_to_stderr, ready=ready))


@main.command()
@click.option("--loop", "loops", multiple=True, metavar="NAME", help="Event loop; may be given again.")
def calibrate(loops: tuple[str, ...]) -> None:
    """Measure the harness itself: the memory client with the headline scenario."""
    from bench import session

    rows = _interruptible(session.calibrate(loops or session.installed_loops(), say=_to_stderr))
    _print_table(("loop", "messages/s", "CPU µs/message", "p50 µs", "p99 µs"), rows)


def _to_stderr(text: str) -> None:
    click.echo(f"mqbench: {text}", err=True)


def _interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Runs to the end, or cleans up and exits with 130 on Ctrl-C or SIGTERM."""

    async def watched() -> T:
        task = asyncio.current_task()
        assert task is not None
        if sys.platform != "win32":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(watched())
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("mqbench: interrupted; what was measured so far is kept", err=True)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
