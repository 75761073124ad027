"""Where more load begins to cost more than it gains: the point of the greatest power.

Power is rate over latency (L. Kleinrock, "Power and deterministic rules of thumb for probabilistic problems
in computer communications", ICC 1979). Below its maximum a percent more rate costs less than a percent of
latency, above it more. Unlike rules that first scale both axes to the points that happen to have been
measured, it depends on no unit and on no other point: a wider sweep moves no knee that lies within it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.stats.samples import sample

if TYPE_CHECKING:
    from bench.stats.samples import Numbers

FEWEST_POINTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """``index`` is the point of the greatest power. At the ``first`` or ``last`` point the knee may lie
    outside of what was measured; ``inside`` there is a lesser power on either side.
    """

    index: int
    place: Literal["first", "inside", "last"]
    powers: tuple[float, ...]


def knee(gains: Numbers, latencies: Numbers) -> Knee:
    """The knee of points in the order of their load, such as messages a second and microseconds.

    Two lists of numbers above 0 of the same length of at least three. Of equal powers the first counts.
    """
    gained = sample(gains, "gains", least=FEWEST_POINTS, positive=True)
    waited = sample(latencies, "latencies", least=FEWEST_POINTS, positive=True)
    if gained.size != waited.size:
        raise ValueError(f"each point has a gain and a latency, got {gained.size} and {waited.size}")
    # Logarithms, so that no quotient of very large and very small numbers overflows.
    index = int(np.argmax(np.log(gained) - np.log(waited)))
    place: Literal["first", "inside", "last"] = "inside"
    if index in (0, gained.size - 1):
        place = "last" if index else "first"
    return Knee(index=index, place=place, powers=tuple(float(power) for power in gained / waited))
