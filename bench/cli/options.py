"""The options that several commands have, and what they accept."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import complete
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESULTS = Path("results")
BROKER_VARIABLE = "MQBENCH_BROKER_URL"
LOUDNESS = "mqbench.loudness"
METRICS = "mqbench.metrics"


def set_values(_: click.Context, __: click.Parameter, texts: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Each field of ``--set`` with the values that it takes.

    Raises:
        UsageError: A text is not ``FIELD=VALUE[,VALUE...]``, or no such field or value exists.
    """
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


def swept(context: click.Context, parameter: click.Parameter, text: str) -> dict[str, tuple[Any, ...]]:
    """``FIELD=V1,V2,...`` as the field with its values.

    Raises:
        UsageError: The text is not that, or no such field or value exists.
    """
    name, equals, choices = text.partition("=")
    if not name or not equals or not choices:
        raise UsageError(f"a sweep takes FIELD=V1,V2,... such as prefetch=1,10,100, got {text!r}")
    return set_values(context, parameter, (text,))


def share(_: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """``2%`` as 0.02.

    Raises:
        UsageError: The text is no percentage from 0.1 to 50.
    """
    if text is None:
        return None
    try:
        found = float(text.removesuffix("%")) / 100
    except ValueError:
        found = 0.0
    if not 0.001 <= found <= 0.5:
        raise UsageError(f"--{parameter.name} takes a precision from 0.1% to 50%, such as 2%, got {text!r}")
    return found


def seconds(_: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """``90s``, ``5m`` or ``1h`` in seconds.

    Raises:
        UsageError: The text is no such time, or no time at all.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|)", text)
    if match is None or float(match[1]) == 0:
        raise UsageError(f"{parameter.opts[0]} takes a time such as 60s or 5m, got {text!r}")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def two_counts(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """``6,10``: the rounds of a gate's two stages.

    Raises:
        UsageError: The text is not two whole numbers of at least 1.
    """
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,4}),([1-9]\d{0,4})", text)
    if match is None:
        raise UsageError(
            f"--rounds takes those of the first and of the second stage, such as 6,10, got {text!r}"
        )
    return int(match[1]), int(match[2])


def latency(_: click.Context, parameter: click.Parameter, text: str) -> float:
    """``20ms``, ``500us`` or ``1s`` in microseconds.

    Raises:
        UsageError: The text is no such time, or no time at all.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(us|ms|s)", text)
    if match is None or float(match[1]) == 0:
        raise UsageError(f"{parameter.opts[0]} takes a latency such as 20ms or 500us, got {text!r}")
    return float(match[1]) * {"us": 1, "ms": 1e3, "s": 1e6}[match[2]]


def with_broker(command: Callable[..., None]) -> Callable[..., None]:
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


def with_tls(command: Callable[..., None]) -> Callable[..., None]:
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


def with_clients(command: Callable[..., None]) -> Callable[..., None]:
    """Adds what may be given again: ``clients``, ``loops`` and ``pythons``."""
    return _with(
        command,
        click.option(
            "--client",
            "clients",
            multiple=True,
            metavar="REQ",
            shell_complete=complete.clients,
            help="Client: aio-pika, aio-pika==9.6.2, 'aio-pika @ file:///checkout'; may be given again.",
        ),
        click.option(
            "--loop",
            "loops",
            multiple=True,
            metavar="REQ",
            shell_complete=complete.loops,
            help="Event loop, such as uvloop or uvloop==0.21.0; may be given again.",
        ),
        click.option(
            "--python",
            "pythons",
            multiple=True,
            metavar="PYTHON",
            help="Interpreter of the workers: a path, or a version; may be given again.",
        ),
    )


def with_client(command: Callable[..., None]) -> Callable[..., None]:
    """Adds what there is one of: ``client``, ``loop`` and ``python``."""
    return _with(
        command,
        click.option(
            "--client",
            metavar="REQ",
            default="aio-pika",
            show_default=True,
            shell_complete=complete.clients,
            help="Client, or a version of it: aio-pika==9.6.2.",
        ),
        click.option(
            "--loop",
            metavar="REQ",
            default="asyncio",
            show_default=True,
            shell_complete=complete.loops,
            help="Event loop, such as uvloop or uvloop==0.21.0.",
        ),
        click.option("--python", metavar="PYTHON", help="Interpreter: a path, or a version."),
    )


def with_fields(command: Callable[..., None]) -> Callable[..., None]:
    """Adds ``--set``, which reaches the command as ``values``."""
    return click.option(
        "--set",
        "values",
        multiple=True,
        callback=set_values,
        metavar="FIELD=VALUE[,VALUE...]",
        shell_complete=complete.fields,
        help="Change a field of every scenario; several values make a matrix.",
    )(command)


def with_turns(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the slices of a round, and what ``with_order`` adds."""
    return click.option(
        "--slices",
        type=click.IntRange(1),
        help="Turns of a case in a round  [default: one for each 0.1 s]",
    )(with_order(command))


def with_order(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the seed of a round's orders, the limit of its patience and its folder."""
    return _with(
        command,
        click.option("--seed", type=int, help="Seed of every random order  [default: drawn and recorded]"),
        click.option(
            "--limit",
            "limit_s",
            type=click.FloatRange(0.1),
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


def with_meter(command: Callable[..., None]) -> Callable[..., None]:
    """Adds ``--meter``: what is measured."""
    return click.option(
        "--meter",
        type=click.Choice(["time", "instructions"]),
        default="time",
        show_default=True,
        help="time, or instructions: counted by valgrind, exact to a fraction of a percent on any machine.",
    )(command)


def with_view(command: Callable[..., None]) -> Callable[..., None]:
    """Adds ``--quiet`` and ``--verbose``, which :func:`bench.cli.output.live` finds in the context."""
    return _with(
        command,
        *(
            click.option(
                f"--{name}", f"-{name[0]}", name, is_flag=True, expose_value=False, callback=_loud, help=words
            )
            for name, words in (
                ("quiet", "Say nothing while it measures."),
                ("verbose", "Say a line about every turn."),
            )
        ),
    )


def with_metrics(command: Callable[..., None]) -> Callable[..., None]:
    """Adds ``--metrics``, which :func:`bench.cli.output.live` finds in the context as host and port."""
    return click.option(
        "--metrics",
        metavar="[HOST:]PORT",
        expose_value=False,
        callback=_address,
        help="Serve live figures for Prometheus, such as on 9464 (0: a free port).",
    )(command)


def _address(context: click.Context, _: click.Parameter, text: str | None) -> None:
    if text is None:
        return
    host, _colon, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--metrics takes PORT or HOST:PORT, such as 9464, got {text!r}")
    context.meta[METRICS] = (host or "127.0.0.1", int(port))


def _loud(context: click.Context, parameter: click.Parameter, given: bool) -> None:
    if not given:
        return
    if context.meta.setdefault(LOUDNESS, parameter.name) != parameter.name:
        raise UsageError("--quiet and --verbose say opposite things: give one")


def with_shape(*shapes: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds ``--format``, which reaches the command as ``shape``; the first of the shapes is the default."""
    return click.option("--format", "shape", type=click.Choice(shapes), default=shapes[0], show_default=True)


def with_report(command: Callable[..., None]) -> Callable[..., None]:
    """Adds ``--no-report``, which reaches the command as ``has_report``."""
    return click.option(
        "--report/--no-report",
        "has_report",
        default=True,
        show_default=True,
        help="Write report.html into the run folder at the end.",
    )(command)


def _with(
    command: Callable[..., None], *options: Callable[[Callable[..., None]], Callable[..., None]]
) -> Callable[..., None]:
    """The command with these options, which ``--help`` shows in this order."""
    for option in reversed(options):
        command = option(command)
    return command
