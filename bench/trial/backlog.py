"""What a row says about the messages that waited in the broker, and whether they piled up there. Pure."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.driver.depth import Waiting
    from bench.scenario import Scenario

SHARE = 0.01
"""Of a turn's messages: a rate that falls behind by less was kept."""


def columns(waits: Sequence[Waiting]) -> dict[str, Any]:
    """The columns of trials.csv, from the turns in which the broker told; empty cells without any."""
    return {
        "broker_messages_max": max((one.most for one in waits), default=None),
        "broker_messages_end": _at_end(waits),
    }


def piled_up(scenario: Scenario, waits: Sequence[Waiting], turn_messages: int) -> int | None:
    """How many messages waited at the end of a turn of an open load, where that is a backlog; else None.

    It is one where it is more than a hundredth of what the turn sent, and more than can be under way between
    lanes and consumers: brokers that count a message until it is acknowledged count those as well.
    """
    if scenario.scheduled(1.0) is None or (end := _at_end(waits)) is None:
        return None
    copies = scenario.consumers if scenario.fan_out else 1
    under_way = scenario.producers * scenario.in_flight * copies + scenario.consumers * scenario.prefetch
    return end if end > max(SHARE * turn_messages * copies, under_way) else None


def _at_end(waits: Sequence[Waiting]) -> int | None:
    return round(median(one.end for one in waits)) if waits else None
