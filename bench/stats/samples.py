"""What is taken for a sample: enough finite numbers, positive where a logarithm is taken of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

Numbers: TypeAlias = "Sequence[float] | np.ndarray[tuple[int, ...], np.dtype[np.float64]]"
Array: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"


def sample(values: Numbers, what: str, *, least: int = 1, positive: bool = False) -> Array:
    """``values`` as an array, shape (n,); ValueError, in words, unless there are ``least`` such numbers."""
    array = np.asarray(values, dtype=np.float64)
    problems = []
    if array.ndim != 1:
        problems.append(f"must be a flat list, got shape {array.shape}")
    if array.size < least:
        problems.append(f"must be at least {least}, got {array.size}")
    if not np.isfinite(array).all():
        problems.append("must be finite numbers")
    elif positive and not (array > 0).all():
        problems.append(f"must be above 0, got {array.min():g}")
    if problems:
        raise ValueError("; ".join(f"{what} {problem}" for problem in problems))
    return array


def between(value: float, what: str, low: float, high: float) -> float:
    """``value``, which must lie strictly between two bounds, such as a confidence between 0 and 1."""
    if not low < value < high:
        raise ValueError(f"{what} must be above {low:g} and below {high:g}, got {value:g}")
    return value
