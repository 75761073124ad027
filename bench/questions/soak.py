"""``mqbench soak``: one rate for long, in one worker, looked at in windows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench import environments, questions, session
from bench.errors import UsageError
from bench.questions.asking import Asked, Workload, workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.questions import Finished
    from bench.runner import Progress

LEAST_S = 5.0
WINDOWS = 60
SHORTEST_S, LONGEST_S = 0.25, 10.0
MOST_WINDOW_MESSAGES = 200_000
"""A window's messages are in memory until it is over, about 50 bytes for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Asked):
    """``rate_per_s`` for ``for_s``. ``drift`` is a share, None: not said; of windows: as many as fit."""

    rate_per_s: float | None
    for_s: float
    window_s: float | None
    drift: float
    leak_bytes: int


async def run(request: Request, *, say: Callable[[str], None], tell: Callable[[Progress], None]) -> Finished:
    """Measures and answers; raises UsageError and its kinds before anything is started."""
    one, windows = checked(request)
    planned = one.planned([one.point], rounds=1, first=1, varied=(), slices=windows)
    folder = request.output or request.results / session.run_name(planned)
    question = {
        "kind": "soak",
        "rate_per_s": one.point.rate_per_s,
        "for_s": request.for_s,
        "drift": request.drift,
        "leak_bytes": request.leak_bytes,
    }
    async with environments.prepared([one.wanted], say=say) as ready:
        say(f"{windows} windows of {request.for_s / windows:.3g} s")
        outcome = await session.measured(
            planned,
            {1: ready[one.wanted]},
            {},
            folder,
            broker=request.broker,
            tls=request.tls,
            facts={"command": session.shown_command(request.command), "question": question},
            say=say,
            tell=tell,
        )
    return questions.concluded(folder, outcome)


def checked(request: Request) -> tuple[Workload, int]:
    """The workload with its rate, and how many windows there are; raises UsageError and its kinds."""
    if request.rate_per_s is not None and "rate_per_s" in request.values:
        raise UsageError("--rate and --set rate_per_s say the same: give one")
    if request.for_s < LEAST_S:
        raise UsageError(f"a soak takes at least {LEAST_S:g} s, got --for {request.for_s:g}s")
    given = {"rate_per_s": (request.rate_per_s,)} if request.rate_per_s is not None else {}
    one = workload(request, what="a soak", of={**request.values, **given}, free={})
    rate = one.point.rate_per_s
    if rate is None:
        raise UsageError(
            "a soak is at one rate, and the scenario has none: give one with --rate, such as 500"
        )
    window_s = request.window_s or min(LONGEST_S, max(SHORTEST_S, request.for_s / WINDOWS))
    if window_s * rate > MOST_WINDOW_MESSAGES:
        raise UsageError(
            f"a window of {window_s:g} s has {window_s * rate:,.0f} messages, in memory until it is over; "
            f"{MOST_WINDOW_MESSAGES:,} are the most: give a shorter --window"
        )
    windows = round(request.for_s / window_s)
    if windows < 10:
        raise UsageError(f"a soak takes at least 10 windows, got {windows}: give a shorter --window")
    return replace(one, point=replace(one.point, measure_s=request.for_s)), windows
