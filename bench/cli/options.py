"""The options that several commands have, each once, and the groups in which commands take them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import complete, values
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., None]
    Option = Callable[[Command], Command]

RESULTS = Path("results")
MOST_ROUNDS = 10_000
MOST_SLICES = 1_000_000
BROKER_VARIABLE = "MQBENCH_BROKER_URL"
LOUDNESS = "mqbench.loudness"
METRICS = "mqbench.metrics"


def with_broker(command: Command) -> Command:
    """Adds ``--broker`` and the files for one that speaks TLS, which reach the command as ``tls``."""
    return _with(
        with_tls(command),
        click.option(
            "--broker",
            default="auto",
            envvar=BROKER_VARIABLE,
            show_default=True,
            metavar="SPEC",
            shell_complete=complete.brokers,
            help="auto, native, docker, embedded, or the URL of a broker that runs.",
        ),
    )


def with_tls(command: Command) -> Command:
    """Adds the files for a broker that speaks TLS, which reach the command as ``tls``."""

    @functools.wraps(command)
    def given(*, tls_ca: str | None, tls_certificate: str | None, tls_key: str | None, **asked: Any) -> None:
        from bench.client import Tls

        command(tls=Tls(ca=tls_ca, certificate=tls_certificate, key=tls_key), **asked)

    return _with(
        given,
        *(
            click.option(f"--tls-{name}", envvar=f"MQBENCH_TLS_{name.upper()}", metavar="FILE", help=words)
            for name, words in (
                ("ca", "Authority to trust behind amqps:// and its like  [default: those of this machine]"),
                ("certificate", "Client certificate for a broker that asks for one."),
                ("key", "Key of that certificate, unless the same file holds it."),
            )
        ),
    )


def with_clients(command: Command) -> Command:
    """Adds what may be given again: ``clients``, ``loops`` and ``pythons``."""
    return _with(
        command,
        _client_option(
            "clients",
            multiple=True,
            help="Client: aio-pika, aio-pika==9.6.2, 'aio-pika @ file:///checkout'; may be given again.",
        ),
        _loop_option(
            "loops", multiple=True, help="Event loop, such as uvloop or uvloop==0.21.0; may be given again."
        ),
        _python_option(
            "pythons",
            multiple=True,
            help="Interpreter of the workers: a path, or a version; may be given again.",
        ),
    )


def with_client(command: Command) -> Command:
    """Adds what there is one of: ``client``, ``loop`` and ``python``."""
    return _with(
        command,
        _client_option(
            "client",
            default="aio-pika",
            show_default=True,
            help="Client, or a version of it: aio-pika==9.6.2.",
        ),
        _loop_option(
            "loop",
            default="asyncio",
            show_default=True,
            help="Event loop, such as uvloop or uvloop==0.21.0.",
        ),
        _python_option("python", help="Interpreter: a path, or a version."),
    )


def with_client_of_both(command: Command) -> Command:
    """Adds what two sides have in common, each None unless it is given: ``client``, ``loop``, ``python``."""
    return _with(
        command,
        _client_option("client", help="Client of both sides  [default: aio-pika]"),
        _loop_option("loop", help="Event loop of both sides  [default: asyncio]"),
        _python_option("python", help="Interpreter of both sides: a path, or a version."),
    )


def _client_option(name: str, **settings: Any) -> Option:
    return click.option("--client", name, metavar="REQ", shell_complete=complete.clients, **settings)


def _loop_option(name: str, **settings: Any) -> Option:
    return click.option("--loop", name, metavar="REQ", shell_complete=complete.loops, **settings)


def _python_option(name: str, **settings: Any) -> Option:
    return click.option("--python", name, metavar="PYTHON", **settings)


def with_fields(command: Command) -> Command:
    """Adds ``--set``, which reaches the command as ``values``."""
    return click.option(
        "--set",
        "values",
        multiple=True,
        callback=values.set_values,
        metavar="FIELD=VALUE[,VALUE...]",
        shell_complete=complete.fields,
        help="Change a field of every scenario; several values make a matrix.",
    )(command)


def with_workload(command: Command) -> Command:
    """Adds what ``with_broker`` and ``with_fields`` add: what scenarios are measured on, and changed to."""
    return with_broker(with_fields(command))


def with_rounds(words: str, *, least: int = 1, default: int | None = None) -> Option:
    """Adds ``--rounds``, which are what these words say."""
    return click.option(
        "--rounds",
        type=click.IntRange(least, MOST_ROUNDS),
        default=default,
        show_default=default is not None,
        help=words,
    )


def with_stages(words: str) -> Option:
    """Adds the ``--rounds`` of a gate's two stages."""
    return click.option("--rounds", callback=values.two_counts, metavar="N,N", help=words)


def with_budget(words: str) -> Option:
    """Adds ``--budget``, a time in seconds, which reaches the command as ``budget_s``."""
    return click.option("--budget", "budget_s", callback=values.seconds, metavar="TIME", help=words)


def with_window(words: str) -> Option:
    """Adds ``--window``, a time in seconds, which reaches the command as ``window_s``."""
    return click.option("--window", "window_s", callback=values.seconds, metavar="TIME", help=words)


def with_quick(words: str) -> Option:
    """Adds ``--quick``, which means what these words say."""
    return click.option("--quick", is_flag=True, help=words)


def with_resume(command: Command) -> Command:
    """Adds ``--resume``, for a command that is a ``Resumable``."""
    return click.option(
        "--resume",
        type=click.Path(path_type=Path),
        metavar="RUN",
        shell_complete=complete.runs,
        help="Go on with an interrupted RUN (a folder, or its name under results/), with its own options.",
    )(command)


def with_turns(command: Command) -> Command:
    """Adds the slices of a round, and what ``with_order`` adds."""
    return click.option(
        "--slices",
        type=click.IntRange(1, MOST_SLICES),
        help="Turns of a case in a round  [default: one for each 0.1 s]",
    )(with_order(command))


def with_order(command: Command) -> Command:
    """Adds the seed of a round's orders, the limit of its patience and its folder."""
    return _with(
        command,
        click.option("--seed", type=int, help="Seed of every random order  [default: drawn and recorded]"),
        click.option(
            "--limit",
            "limit_s",
            type=values.FiniteRange(0.1),
            default=10.0,
            show_default=True,
            help="Seconds without progress after which a client has failed.",
        ),
        click.option(
            "--output",
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="Run folder  [default: results/TIME-SCENARIO]",
        ),
    )


def with_meter(command: Command) -> Command:
    """Adds ``--meter``: what is measured."""
    return click.option(
        "--meter",
        type=click.Choice(["time", "instructions"]),
        default="time",
        show_default=True,
        help="time, or instructions: counted by valgrind, exact to a fraction of a percent on any machine.",
    )(command)


def with_view(command: Command) -> Command:
    """Adds ``--quiet`` and ``--verbose``, which :func:`bench.cli.output.live` finds in the context."""
    return _with(command, with_quiet, _loudness("verbose", "Say a line about every turn."))


def with_quiet(command: Command) -> Command:
    """Adds ``--quiet``, which :mod:`bench.cli.output` finds in the context."""
    return _loudness("quiet", "Say nothing but the result, and what went wrong.")(command)


def _loudness(name: str, words: str) -> Option:
    return click.option(
        f"--{name}", f"-{name[0]}", name, is_flag=True, expose_value=False, callback=_loud, help=words
    )


def with_metrics(command: Command) -> Command:
    """Adds ``--metrics``, which :func:`bench.cli.output.live` finds in the context as host and port."""
    return click.option(
        "--metrics",
        metavar="[HOST:]PORT",
        expose_value=False,
        callback=_serve,
        help="Serve live figures for Prometheus, such as on 9464 (0: a free port).",
    )(command)


def _serve(context: click.Context, parameter: click.Parameter, text: str | None) -> None:
    if (address := values.address(context, parameter, text)) is not None:
        context.meta[METRICS] = address


def _loud(context: click.Context, parameter: click.Parameter, given: bool) -> None:
    if not given:
        return
    if context.meta.setdefault(LOUDNESS, parameter.name) != parameter.name:
        raise UsageError("--quiet and --verbose say opposite things: give one")


def with_shape(*shapes: str) -> Option:
    """Adds ``--format``, which reaches the command as ``shape``; the first of the shapes is the default."""
    return click.option("--format", "shape", type=click.Choice(shapes), default=shapes[0], show_default=True)


def with_result(*shapes: str) -> Option:
    """Adds ``with_metrics``, ``with_view``, ``with_shape`` and ``with_report``: what is told and kept."""
    return lambda command: _with(command, with_metrics, with_view, with_shape(*shapes), with_report)


def with_report(command: Command) -> Command:
    """Adds ``--no-report``, which reaches the command as ``has_report``."""
    return click.option(
        "--report/--no-report",
        "has_report",
        default=True,
        show_default=True,
        help="Write report.html into the run folder at the end.",
    )(command)


def _with(command: Command, *options: Option) -> Command:
    """The command with these options, which ``--help`` shows in this order."""
    for option in reversed(options):
        command = option(command)
    return command
