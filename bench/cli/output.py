"""Where a command writes: tables to stdout, words to stderr, and the end of an interrupted command."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bench.cli.options import LOUDNESS, METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from rich.console import Console

    from bench.live import Loudness
    from bench.report.grid import Page

T = TypeVar("T")

INTERRUPTED = 130
LAST_WORDS = "interrupted; what was measured so far is kept"
PIPED_WIDTH = 120
ENDS = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


def console() -> Console:
    """Stdout: as wide as the terminal, or a width that fits a page where it is piped."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)


@contextlib.contextmanager
def live() -> Iterator[tuple[Callable[[str], None], Callable[..., None]]]:
    """The view of what is being measured, on stderr: how to say a line, and how to tell of progress.

    As loud as the command was asked to be, where it has the options ``with_view``; what is told is served,
    too, where ``--metrics`` was given.
    """
    from rich.console import Console

    from bench.live import view

    metrics = _meta().get(METRICS)
    with view(Console(stderr=True), _loudness()) as (say, tell):
        if metrics is None:
            yield say, tell
            return
        from bench.metrics import served

        host, port = metrics
        with served(host, port, say=say, tell=tell) as told:
            yield say, told


def note(text: str) -> None:
    """A line on stderr about what a command did, which ``--quiet`` leaves out."""
    if _loudness() != "quiet":
        click.echo(text, err=True)


def _loudness() -> Loudness:
    found: Loudness = _meta().get(LOUDNESS, "normal")
    return found


def _meta() -> dict[str, Any]:
    """What options left in the context for this module."""
    context = click.get_current_context(silent=True)
    return {} if context is None else context.meta


def print_table(
    names: Sequence[str],
    rows: Sequence[tuple[str, ...]],
    *,
    whole: Sequence[str] = (),
    numbers: bool = False,
) -> None:
    """A table of words; columns that are ``whole`` do not break, and ``numbers`` are all but the first."""
    from bench.report.fitting import Fitted
    from bench.report.grid import Heading, Row, grid

    headings = [
        Heading(name=name, whole=name in whole, number=numbers and at > 0) for at, name in enumerate(names)
    ]
    console().print(Fitted(grid(headings, map(Row, rows))))


def print_page(page: Page, shape: str) -> None:
    """As ``table`` for a person at a terminal, or as ``markdown``."""
    if shape == "markdown":
        click.echo(page.as_markdown(), nl=False)
        return
    from rich.text import Text

    out = console()
    for part in page.for_terminal():
        out.print(part, soft_wrap=not out.is_terminal and isinstance(part, Text))


def to_stderr(text: str) -> None:
    click.echo(f"mqbench: {text}", err=True)


@contextlib.contextmanager
def interrupting() -> Iterator[None]:
    """Signals that end the command at once raise KeyboardInterrupt meanwhile, so that it cleans up."""
    before = {number: signal.getsignal(number) for name in ENDS if (number := getattr(signal, name, None))}
    mine = {number: handler for number, handler in before.items() if callable(handler)}
    for number in mine:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in mine.items():
            signal.signal(number, handler)


def interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Runs to the end, or cleans up and exits with 130 on Ctrl-C, SIGTERM or SIGHUP."""

    async def watched() -> T:
        task = asyncio.current_task()
        assert task is not None
        with _cancelled_by_signals(task):
            return await work

    try:
        return asyncio.run(watched())
    except (KeyboardInterrupt, asyncio.CancelledError):
        to_stderr(LAST_WORDS)
        sys.exit(INTERRUPTED)


@contextlib.contextmanager
def _cancelled_by_signals(task: asyncio.Task[Any]) -> Iterator[None]:
    """Ctrl-C is asyncio's own. The others do afterwards what they did before: a page may yet be written."""
    loop = asyncio.get_running_loop()
    before = {}
    for name in ENDS[1:]:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(task.cancel))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
