"""A run as rich renderables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from bench.report.words import measured_on, warnings
from bench.stats.figures import figure_with_interval
from bench.stats.intervals import CONFIDENCE, Interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from bench.report.summary import CaseSummary
    from bench.results import Run


def rendered(run: Run, cases: Sequence[CaseSummary]) -> Iterator[RenderableType]:
    """The table, what to know about it, where the run is and what it was measured on."""
    yield table(cases)
    if consumers := consumed_by(run):
        yield Text(f"What these clients published, {consumers} consumed, in a worker of its own.")
    for warning in warnings(cases):
        yield Text(f"! {warning}")
    for case in cases:
        if case.status != "valid":
            yield Text(
                f"{case.status}: {case.scenario} {case.point} {case.client} {case.loop}: {case.reason}"
            )
    yield Text(f"run folder: {run.folder}")
    yield Text(measured_on(run.facts))


def consumed_by(run: Run) -> str:
    """The clients that only consumed, with their versions; "" where each consumed its own messages."""
    if "consumer_client" not in run.trials:
        return ""
    apart = run.trials[["consumer_client", "consumer_client_version"]].dropna().drop_duplicates()
    return ", ".join(f"{client} ({version})" for client, version in apart.itertuples(index=False))


def table(cases: Sequence[CaseSummary]) -> Table:
    """One line a case; what all lines would say alike is left out."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    several = {
        name: len({getattr(case, name) for case in cases}) > 1
        for name in ("scenario", "point", "guarantee", "broker_kind")
    }
    places = [name for name in ("scenario", "point") if several[name]]
    labels = [name for name in ("guarantee", "broker_kind") if several[name]]
    for name in (*places, "client", "loop", *labels):
        shown.add_column(name.replace("_kind", ""), overflow="fold")
    for name in ("msg/s [95 % interval]", "vs first", "p50 ms", "p99 ms", "CPU us"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("limit")
    shown.add_column("messages")
    for case in cases:
        shown.add_row(
            *(getattr(case, name) for name in places),
            client_label(case),
            case.loop,
            *(getattr(case, name) or "" for name in labels),
            *_figures(case),
            style=None if case.status == "valid" else "red",
        )
    return shown


def client_label(case: CaseSummary) -> str:
    """The client with its version, once."""
    if not case.client_version or case.client_version in case.client:
        return case.client
    return f"{case.client} {case.client_version}"


def _figures(case: CaseSummary) -> list[str]:
    if case.status == "skipped":
        return ["", "", "", "", "", "", "skipped"]
    cpu_us = case.client_cpu_us_per_message
    return [
        rate(case),
        "" if case.versus is None else f"{case.versus:.2f}x",
        _ms(case.latency_p50_us),
        _ms(case.latency_p99_us),
        "" if cpu_us is None else f"{cpu_us:.3g}",
        case.bottleneck or "",
        accounting(case),
    ]


def accounting(case: CaseSummary) -> str:
    """How many messages were accounted for, or what went wrong with how many."""
    wrongs = ("lost", "duplicated", "reordered", "corrupted")
    counts = [f"{getattr(case, name):,} {name}" for name in wrongs if getattr(case, name)]
    if case.status == "valid":
        return f"{case.received:,} ok"
    return ", ".join(counts) or "invalid"


def rate(case: CaseSummary) -> str:
    """The rate with its interval, without the digits that the interval makes meaningless."""
    if case.rate_per_s is None:
        return ""
    if case.rate_low_per_s is None or case.rate_high_per_s is None:
        return f"{float(f'{case.rate_per_s:.3g}'):,.0f}"
    return figure_with_interval(
        Interval(
            estimate=case.rate_per_s,
            low=case.rate_low_per_s,
            high=case.rate_high_per_s,
            confidence=CONFIDENCE,
            count=case.rounds,
        )
    )


def _ms(value_us: float | None) -> str:
    return "" if value_us is None else f"{value_us / 1000:.3g}"
