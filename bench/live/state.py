"""What is known of a run while it goes: where it is, what each case's turns gave, what to warn of."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.report.words import NOISY_OTHERS_CORES, NOISY_STEAL_SHARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.plan import Case
    from bench.runner import Progress

MOST_RATES = 500
FEWEST_TURNS = 3
"""Before so many turns are over nothing is said about the time that is left."""


@dataclass(slots=True)
class Seen:
    """A case that was told of, with the rates of its last turns, in messages a second."""

    case: Case
    rates: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_RATES))

    @property
    def median_per_s(self) -> float | None:
        ordered = sorted(self.rates)
        return ordered[len(ordered) // 2] if ordered else None


class State:
    """Takes what a runner tells; ``clock`` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began_s, self._began_at = clock(), 0
        self._warned: set[str] = set()
        self.what = "starting"
        self.current: int | None = None
        self.cases: dict[int, Seen] = {}
        self.done = 0
        self.total = 0

    def take(self, progress: Progress) -> list[str]:
        """Notes what happened; the warnings that it gives rise to, each kind of noise once."""
        if (progress.total, progress.done >= self.done) != (self.total, True):  # another plan begins
            self._began_s, self._began_at = self._clock(), progress.done
            self.cases.clear()
        self.done, self.total = progress.done, progress.total
        if not progress.is_remark:
            self.what = progress.what
            self.current = progress.case.number if progress.case is not None else None
        if progress.case is not None:
            seen = self.cases.setdefault(progress.case.number, Seen(progress.case))
            if progress.rate_per_s is not None:
                seen.rates.append(progress.rate_per_s)
        return list(self._warnings(progress))

    def _warnings(self, progress: Progress) -> Iterator[str]:
        if progress.failure is not None and progress.case is not None:
            yield f"{progress.what}: {progress.case.label}: {progress.failure}"
        for kind, words in noise_words(progress):
            if kind not in self._warned:
                self._warned.add(kind)
                yield words

    @property
    def left_s(self) -> float | None:
        """How long it still takes, if turns go on as they did; None where nothing can be said yet."""
        turns = self.done - self._began_at
        if turns < FEWEST_TURNS or self.total <= 0:
            return None
        return (self._clock() - self._began_s) / turns * max(0, self.total - self.done)


def noise_words(progress: Progress) -> Iterator[tuple[str, str]]:
    """What disturbed a round, each with its kind."""
    noise = progress.noise
    if noise is None:
        return
    if (noise.steal_share or 0) > NOISY_STEAL_SHARE:
        yield "steal", f"{progress.what}: the hypervisor took {noise.steal_share:.0%} of the time"
    if (noise.others_cores or 0) > NOISY_OTHERS_CORES:
        yield "others", f"{progress.what}: other processes used {noise.others_cores:.1f} cores meanwhile"


def labels(cases: list[Case]) -> list[list[str]]:
    """What tells the cases apart, in parts; what all have in common is left out."""
    parts = [(case.scenario_name, case.point, case.client, case.loop) for case in cases]
    varied = [index for index in range(4) if len({part[index] for part in parts}) > 1] or [2, 3]
    return [[part[index] for index in varied if part[index]] for part in parts]
