"""Plain lines about a run, where the output is no terminal: what changes at once, the rest now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.live.screen import duration, rounded
from bench.live.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.runner import Progress

EVERY_S = 10.0


def view(
    say: Callable[[str], None], clock: Callable[[], float], *, verbose: bool
) -> tuple[Callable[[str], None], Callable[[Progress], None]]:
    """How to say a sentence and how to tell of progress; ``verbose`` says everything that is told."""
    state = State(clock)
    spoken_what, spoken_at = "", 0.0

    def tell(progress: Progress) -> None:
        nonlocal spoken_what, spoken_at
        for warning in state.take(progress):
            say(f"! {warning}")
        if progress.is_remark:
            return
        now = clock()
        if not verbose and progress.what == spoken_what and now - spoken_at < EVERY_S:
            return
        spoken_what, spoken_at = progress.what, now
        say(worded(progress) + position(state))

    return say, tell


def worded(progress: Progress) -> str:
    words = progress.what
    if progress.case is not None:
        words += f" {progress.case.label}"
    if progress.rate_per_s is not None:
        words += f" {rounded(progress.rate_per_s)}/s"
    return words


def position(state: State) -> str:
    if not state.total:
        return ""
    left_s = state.left_s
    left = "" if left_s is None else f", {duration(left_s)} left"
    return f" ({state.done} of {state.total} turns{left})"
