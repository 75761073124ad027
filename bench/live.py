"""What a person sees while a run goes: a progress line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from bench.runner import Progress

REFRESH_PER_S = 2
PLAIN_EVERY_S = 10.0


@contextmanager
def view(console: Console) -> Iterator[tuple[Callable[[str], None], Callable[[Progress], None]]]:
    """Yields ``say`` (a sentence to keep) and ``tell`` (what happens now). Draws at most twice a second:
    the processors belong to the workers.
    """
    if console.is_terminal:
        with _bar(console) as both:
            yield both
    else:
        yield _lines(console)


@contextmanager
def _bar(console: Console) -> Iterator[tuple[Callable[[str], None], Callable[[Progress], None]]]:
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TimeRemainingColumn(compact=True),
        console=console,
        refresh_per_second=REFRESH_PER_S,
        transient=True,
    )
    with bar:
        task = bar.add_task("starting", total=None)

        def tell(progress: Progress) -> None:
            bar.update(
                task, description=worded(progress), completed=progress.done, total=progress.total or None
            )

        yield (lambda text: console.print(text, highlight=False)), tell


def _lines(console: Console) -> tuple[Callable[[str], None], Callable[[Progress], None]]:
    spoken_what, spoken_at = "", 0.0

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    def tell(progress: Progress) -> None:
        nonlocal spoken_what, spoken_at
        now = time.monotonic()
        if progress.what == spoken_what and now - spoken_at < PLAIN_EVERY_S:
            return
        spoken_what, spoken_at = progress.what, now
        done = f" ({progress.done} of {progress.total} turns)" if progress.total else ""
        say(f"{worded(progress)}{done}")

    return say, tell


def worded(progress: Progress) -> str:
    words = progress.what
    if progress.case is not None:
        words += f" {progress.case.label}"
    if progress.rate_per_s is not None:
        words += f" {progress.rate_per_s:,.0f}/s"
    return words
