"""What a page is made from: a stored run, with the text of its files and its latency histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.report.ranking import Ranking, rankings
from bench.report.summary import CaseSummary, summarise
from bench.report.sweeps import Sweep, sweeps
from bench.report.terminal import client_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.cell import Cell
    from bench.hlog import Interval
    from bench.results import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """``files`` are the CSV files by name, as they are on disk; ``slices`` the rows of slices.csv, ``cells``
    what a comparison came to, None for a run that is none; ``told`` the words of a run that answers a
    question of its own, such as a gate; ``latencies`` those of the log, if there is one.
    """

    run: Run
    files: Mapping[str, str]
    slices: Sequence[Mapping[str, Any]]
    cells: Sequence[Cell] | None = None
    told: Sequence[str] | None = None
    latencies: Sequence[Interval] = ()

    @property
    def name(self) -> str:
        return self.run.folder.resolve().name


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a run with two arms came to; ``margin`` is within which there is no difference."""

    cells: Sequence[Cell]
    sentences: Sequence[str]
    warnings: Sequence[str]
    margin: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A source with what the sections of its page have in common, worked out once."""

    source: Source
    cases: Sequence[CaseSummary]
    rankings: Sequence[Ranking]
    sweeps: Sequence[Sweep]
    comparison: Comparison | None

    @property
    def has_places(self) -> bool:
        """Whether there are several scenario points, so that a case must say which is its own."""
        return len({place(case) for case in self.cases}) > 1


def digest(source: Source) -> Digest:
    rows = source.run.rows
    cases = summarise(rows)
    return Digest(
        source=source,
        cases=cases,
        rankings=rankings(rows, source.slices, cases),
        sweeps=sweeps(rows, cases),
        comparison=None if source.cells is None else _comparison(rows, source.cells),
    )


def _comparison(rows: Sequence[Mapping[str, Any]], cells: Sequence[Cell]) -> Comparison:
    from bench.report import versus  # noqa: PLC0415  # the statistics take a second to load
    from bench.stats.verdicts import MARGIN  # noqa: PLC0415

    return Comparison(
        cells=cells,
        sentences=[versus.sentence(cell) for cell in cells],
        warnings=list(versus.warnings(rows, cells)),
        margin=MARGIN,
    )


def label(case: CaseSummary) -> str:
    return f"{client_label(case)} on {case.loop}"


def place(case: CaseSummary) -> str:
    """The scenario point, in words; a scenario that is called like what it varies is named once."""
    if case.point.startswith(f"{case.scenario}="):
        return case.point
    return f"{case.scenario} {case.point}".strip()
