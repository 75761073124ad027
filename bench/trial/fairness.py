"""How evenly several sides got their share: Jain's index, the smallest and the largest share. Pure.

R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness and Discrimination (DEC-TR-301, 1984).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def jain(amounts: Sequence[float]) -> float:
    """1 where all have the same, 1/n where one of n has everything; ValueError for nothing at all."""
    if not amounts or sum(amounts) <= 0 or min(amounts) < 0:
        raise ValueError(f"fairness is of amounts that are something together, got {list(amounts)[:9]}")
    largest = max(amounts)  # scaled by it: squares of small and large numbers stay within a float
    scaled = [amount / largest for amount in amounts]
    return sum(scaled) ** 2 / (len(scaled) * sum(value * value for value in scaled))


def columns(what: str, turns: Iterable[Sequence[float]]) -> dict[str, Any]:
    """The columns for amounts a turn; empty where there is one side only, or nothing was seen."""
    totals = [sum(amounts) for amounts in zip(*turns, strict=True)]
    names = (f"{what}_fairness", f"{what}_smallest_share", f"{what}_largest_share")
    if len(totals) < 2 or sum(totals) <= 0:
        return dict.fromkeys(names)
    whole = sum(totals)
    return dict(zip(names, (jain(totals), min(totals) / whole, max(totals) / whole), strict=True))
