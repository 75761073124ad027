"""Many cells at once: p-values that count how many were asked, and intervals that hold together."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from bench.stats.effects import effect_over_rounds
from bench.stats.intervals import CONFIDENCE
from bench.stats.samples import between, sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.stats.intervals import Interval
    from bench.stats.samples import Numbers

Key = TypeVar("Key")


def holm(chances: Mapping[Key, float]) -> dict[Key, float]:
    """p-values adjusted for the chance of a single false alarm among all (Holm, Scand. J. Stat. 6, 1979).

    For cells that can fail a build; holds whatever the cells have in common.
    """
    return _adjusted(chances, "holm")


def benjamini_hochberg(chances: Mapping[Key, float]) -> dict[Key, float]:
    """p-values adjusted for the expected share of false alarms (Benjamini & Hochberg, JRSS B 57, 1995).

    For improvements that are reported; holds for independent or positively dependent cells.
    """
    return _adjusted(chances, "fdr_bh")


def _adjusted(chances: Mapping[Key, float], method: str) -> dict[Key, float]:
    array = sample(list(chances.values()), "p-values")
    if not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"p-values must be from 0 to 1, got {array.min():g} to {array.max():g}")
    if array.size == 1:  # its own p; the library collects garbage at each call, which is slow in replays
        return dict(chances)
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415  # a second that few need wait

    adjusted = multipletests(array, method=method)[1]
    return dict(zip(chances, map(float, adjusted), strict=True))


def simultaneous_intervals(
    cells: Mapping[Key, Numbers], confidence: float = CONFIDENCE
) -> dict[Key, Interval]:
    """Intervals of the cells' effects that all hold at once with ``confidence``, for tables that rank.

    Bonferroni's, as each is judged, at 1 - (1-confidence)/m (Dunn, JASA 56, 1961). A max-t interval would be
    a few percent narrower for cells that share a reference, but needs all cells in the same rounds, and
    resampling; these hold for any cells, also in blocks of their own.
    """
    if not cells:
        raise ValueError("no cells to rank")
    each = 1 - (1 - between(confidence, "confidence", 0, 1)) / len(cells)
    return {key: effect_over_rounds(values, each).judged for key, values in cells.items()}
