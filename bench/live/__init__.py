"""What a person sees while a run goes: a screen on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from rich.live import Live
from rich.text import Text

from bench.live import lines, screen
from bench.live.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from bench.runner import Progress

    Say = Callable[[str], None]
    Tell = Callable[[Progress], None]

__all__ = ["Loudness", "view"]

Loudness = Literal["quiet", "normal", "verbose"]

REFRESH_PER_S = 2


@contextmanager
def view(console: Console, loudness: Loudness = "normal") -> Iterator[tuple[Say, Tell]]:
    """Yields ``say`` (a sentence to keep) and ``tell`` (what happens now).

    It draws at most twice a second: the processors belong to the workers. ``verbose`` keeps a line of every
    turn, ``quiet`` shows nothing.
    """
    if loudness == "quiet":
        yield _nothing, _nothing
    elif console.is_terminal and not console.is_dumb_terminal:
        with _screen(console, verbose=loudness == "verbose") as both:
            yield both
    else:
        yield lines.view(_printer(console), time.monotonic, verbose=loudness == "verbose")


def _nothing(_: object) -> None:
    pass


def _printer(console: Console) -> Say:
    """Prints a line as it stands: a client may be called ``aio-pika[extra]``, which is no markup."""

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=not console.is_terminal)

    return say


@contextmanager
def _screen(console: Console, *, verbose: bool) -> Iterator[tuple[Say, Tell]]:
    state = State(time.monotonic)
    blocks = screen.BLOCKS if console.encoding.startswith("utf") else screen.ASCII_BLOCKS

    def drawn() -> Text:
        size = console.size
        return Text("\n").join(screen.lines(state, size.width, size.height, blocks))

    say = _printer(console)

    def tell(progress: Progress) -> None:
        for warning in state.take(progress):
            console.print(Text(f"! {warning}", style="yellow"))
        if verbose and not progress.is_remark:
            say(lines.worded(progress))

    with Live(
        get_renderable=drawn,
        console=console,
        refresh_per_second=REFRESH_PER_S,
        transient=True,
        redirect_stdout=False,  # what goes to a pipe there must not land here
    ):
        yield say, tell
