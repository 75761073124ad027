"""A run as rich renderables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from bench.report.words import measured_on, warnings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from bench.report.summary import CaseSummary
    from bench.results import Run


def rendered(run: Run, cases: Sequence[CaseSummary]) -> Iterator[RenderableType]:
    """The table, what to know about it, where the run is and what it was measured on."""
    yield table(cases)
    for warning in warnings(cases):
        yield Text(f"! {warning}")
    for case in cases:
        if case.status != "valid":
            yield Text(f"{case.status}: {case.scenario} {case.point} {case.client} {case.loop}: {case.reason}")
    yield Text(f"run folder: {run.folder}")
    yield Text(measured_on(run.facts))


def table(cases: Sequence[CaseSummary]) -> Table:
    """One line a case; columns that say nothing new are left out."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    several = {name: len({getattr(case, name) for case in cases}) > 1 for name in ("scenario", "point", "broker_kind")}
    points = several["scenario"] or several["point"]
    if points:
        shown.add_column("scenario", overflow="fold")
    shown.add_column("client", overflow="fold")
    shown.add_column("loop")
    if several["broker_kind"]:
        shown.add_column("broker")
    shown.add_column("guarantee")
    for name in ("msg/s", "95 % interval", "vs first", "p50 ms", "p99 ms", "CPU µs/msg", "broker"):
        shown.add_column(name, justify="right")
    shown.add_column("limit")
    shown.add_column("accounting")
    for case in cases:
        cells = [f"{case.scenario} {case.point}".strip()] if points else []
        cells += [f"{case.client} {case.client_version or ''}".strip(), case.loop]
        cells += [case.broker_kind or ""] if several["broker_kind"] else []
        shown.add_row(*cells, case.guarantee, *_figures(case), style=None if case.status == "valid" else "red")
    return shown


def _figures(case: CaseSummary) -> list[str]:
    if case.status == "skipped":
        return ["", "", "", "", "", "", "", "", "skipped"]
    return [
        rounded(case.rate_per_s, case.rate_low_per_s, case.rate_high_per_s),
        _interval(case),
        "" if case.versus is None else f"{case.versus:.2f}x",
        _ms(case.latency_p50_us),
        _ms(case.latency_p99_us),
        "" if case.client_cpu_us_per_message is None else f"{case.client_cpu_us_per_message:.3g}",
        "" if case.broker_cpu_us_per_message is None else f"{case.broker_cpu_us_per_message:.3g}",
        case.bottleneck or "",
        accounting(case),
    ]


def accounting(case: CaseSummary) -> str:
    """ "all 40,000" or what went wrong."""
    wrongs = ("lost", "duplicated", "reordered", "corrupted")
    counts = [f"{getattr(case, name):,} {name}" for name in wrongs if getattr(case, name)]
    if case.status == "valid":
        return f"all {case.received:,}"
    return ", ".join(counts) or "invalid"


def _interval(case: CaseSummary) -> str:
    if case.rate_low_per_s is None or case.rate_high_per_s is None:
        return ""
    low, high = case.rate_low_per_s, case.rate_high_per_s
    return f"{rounded(low, low, high)} to {rounded(high, low, high)}"


def rounded(value: float | None, low: float | None, high: float | None) -> str:
    """A rate without the digits that its interval makes meaningless: two digits of the half width stay."""
    if value is None:
        return ""
    if low is None or high is None or high <= low:
        return f"{float(f'{value:.3g}'):,.0f}"
    step = 10 ** max(0, len(str(int((high - low) / 2))) - 2)
    return f"{round(value / step) * step:,.0f}"


def _ms(value_us: float | None) -> str:
    return "" if value_us is None else f"{value_us / 1000:.3g}"
