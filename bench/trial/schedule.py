"""What a row says about its schedule: what it asked for, how it was kept, and if latency is valid. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.bottleneck import KEPT_SHARE, SATURATED_SHARE
from bench.histogram import Histogram, percentile_or_none

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.arrivals import Schedule
    from bench.driver.sample import Offered

LATE_US = 10_000
"""A generator that is later than this with one message in a hundred measures itself. Event loops round their
timers to a millisecond, and a client's own work holds a loop up for a few; ten are neither."""


def kept(rate_per_s: float | None, target_rate_per_s: float | None) -> bool | None:
    """Whether as much came as was offered, to 1 %; None where nothing was offered."""
    if rate_per_s is None or target_rate_per_s is None:
        return None
    return rate_per_s >= KEPT_SHARE * target_rate_per_s


def target_rate_per_s(offered: Sequence[Offered], messages: int) -> float | None:
    """What the schedules asked for, over all turns; None for a load without one."""
    scheduled_s = sum(one.scheduled_s for one in offered)
    return messages / scheduled_s if scheduled_s else None


def latency_doubt(slip: Histogram, schedule_kept: bool, client_cores: float | None) -> str:
    """Why the latency figures are not those of client and broker at that rate; "" if they are.

    A rate that the broker did not keep is no reason: latency from the time at which messages were due shows
    it. A generator that had no time to send them is one.
    """
    if slip.total and (late_us := slip.percentile(99)) > LATE_US:
        return (
            f"the generator itself was late: one message in a hundred by {late_us / 1000:.1f} ms or more "
            f"(at most {LATE_US / 1000:g} ms); its event loop was held up, so offer less or free the machine"
        )
    if not schedule_kept and (client_cores or 0.0) >= SATURATED_SHARE:
        return (
            f"the generator had no time left: its event loop used {client_cores:.2f} of its one core, "
            "and the rate was not kept"
        )
    return ""


def columns(
    offered: Sequence[Offered], *, messages: int, rate_per_s: float | None, client_cores: float | None
) -> dict[str, Any]:
    """Of the columns that only an open load fills, those that are no percentiles."""
    if not offered:
        return dict.fromkeys(
            ("target_rate_per_s", "schedule_kept", "overruns", "latency_valid", "latency_reason")
        )
    target = target_rate_per_s(offered, messages)
    held = bool(kept(rate_per_s, target))
    slip = Histogram()
    for one in offered:
        slip.merge(one.slip)
    doubt = latency_doubt(slip, held, client_cores)
    return {
        "target_rate_per_s": target,
        "schedule_kept": held,
        "overruns": sum(one.overruns for one in offered),
        "latency_valid": not doubt,
        "latency_reason": doubt,
    }


def step_rows(schedule: Schedule, offered: Sequence[Offered]) -> list[dict[str, Any]]:
    """What each step came to over all turns, as the columns of steps.csv that say nothing of the case."""
    rows = []
    for number, found in enumerate(zip(*(one.steps for one in offered), strict=True)):
        messages = sum(step.messages for step in found)
        scheduled_s, elapsed_s = (
            sum(getattr(step, of) for step in found) for of in ("scheduled_s", "elapsed_s")
        )
        target = messages / scheduled_s if scheduled_s else None
        rate = messages / elapsed_s if elapsed_s else None
        latency = Histogram()
        for step in found:
            latency.merge(step.latency)
        rows.append(
            {
                "step": number + 1,
                "rates": str(schedule.steps[number]),
                "messages": messages,
                "target_rate_per_s": target,
                "rate_per_s": rate,
                "kept": kept(rate, target),
                "latency_p50_us": percentile_or_none(latency, 50.0),
                "latency_p99_us": percentile_or_none(latency, 99.0),
                "latency_max_us": latency.maximum if latency.total else None,
            }
        )
    return rows
