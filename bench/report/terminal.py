"""A run in words: its table, with what to know about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.report.grid import Grid, Heading, Page, Row, grid
from bench.report.stepped import sound_steps
from bench.report.words import measured_on, warnings
from bench.stats.figures import figure_with_interval, plain_figure
from bench.stats.intervals import CONFIDENCE, Interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.report.summary import CaseSummary
    from bench.results import Run

_STEP_RATES = ("target_rate_per_s", "rate_per_s")
_STEP_TIMES = ("latency_p50_us", "latency_p99_us", "latency_max_us")


def page(run: Run, cases: Sequence[CaseSummary]) -> Page:
    """The table, what to know about it, where the run is and what it was measured on."""
    told = Page()
    told.table(grid_of(cases))
    if consumers := consumed_by(run):
        told.say(f"What these clients published, {consumers} consumed, in a worker of its own.")
    if run.steps:
        told.table(steps_of(run, cases))
    told.note(*warnings(cases))
    told.say(
        *(
            f"{case.status}: {case.scenario} {case.point} {case.client} {case.loop}: {case.reason}"
            for case in cases
            if case.status != "valid"
        )
    )
    told.say(f"run folder: {run.folder}", measured_on(run.facts))
    return told


def consumed_by(run: Run) -> str:
    """The clients that only consumed, with their versions; "" where each consumed its own messages."""
    names = ("consumer_client", "consumer_client_version")
    apart = dict.fromkeys(tuple(row.get(name) for name in names) for row in run.rows)
    return ", ".join(f"{client} ({version})" for client, version in apart if client and version)


def grid_of(cases: Sequence[CaseSummary]) -> Grid:
    """One line a case; what all lines would say alike is left out."""
    several = {
        name: len({getattr(case, name) for case in cases}) > 1
        for name in ("scenario", "point", "guarantee", "broker_kind")
    }
    places = [name for name in ("scenario", "point") if several[name]]
    labels = [name for name in ("guarantee", "broker_kind") if several[name]]
    words = [*places, "client", "loop", *(name.replace("_kind", "") for name in labels)]
    figures = ("msg/s [95 % interval]", "vs first", "p50 ms", "p99 ms", "CPU us/msg")
    return grid(
        (
            *(Heading(name=name) for name in words),
            *(Heading(name=name, number=True) for name in figures),
            Heading(name="limit"),
            Heading(name="messages"),
        ),
        (
            Row(
                (
                    *(getattr(case, name) for name in places),
                    client_label(case),
                    case.loop,
                    *(getattr(case, name) or "" for name in labels),
                    *_figures(case),
                ),
                wrong=case.status != "valid",
            )
            for case in cases
        ),
    )


def steps_of(run: Run, cases: Sequence[CaseSummary]) -> Grid:
    """One line for each step of each valid row: what was due, what came, and how late if that is valid."""
    names = {case.case: case for case in cases}
    words = ("client", "loop", "step", "round")
    figures = ("due msg/s", "msg/s", "p50 ms", "p99 ms", "max ms")

    def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
        case = names[row["case"]]
        return (
            client_label(case),
            case.loop,
            row["rates"],
            str(row["round"]),
            *("" if row[name] is None else f"{row[name]:,.0f}" for name in _STEP_RATES),
            *("" if row[name] is None else f"{row[name] / 1000:.3g}" for name in _STEP_TIMES),
            "yes" if row["kept"] else "no",
        )

    headings = (
        *(Heading(name=name) for name in words),
        *(Heading(name=name, number=True) for name in figures),
    )
    return grid(
        (*headings, Heading(name="kept")),
        (Row(cells(row)) for row in sound_steps(run)),
    )


def client_label(case: CaseSummary) -> str:
    """The client with its version, once."""
    if not case.client_version or case.client_version in case.client:
        return case.client
    return f"{case.client} {case.client_version}"


def _figures(case: CaseSummary) -> list[str]:
    if case.status == "skipped":
        return ["", "", "", "", "", "", "skipped"]
    return [
        rate(case),
        _versus(case),
        _within(case.latency_p50_us, case.latency_p50_us_reach, 1e-3),
        _within(case.latency_p99_us, case.latency_p99_us_reach, 1e-3),
        _within(case.client_cpu_us_per_message, case.client_cpu_us_per_message_reach),
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


def _versus(case: CaseSummary) -> str:
    if case.versus is None:
        return ""
    if case.versus_low is None or case.versus_high is None:
        return f"{case.versus:.2g}x"
    if case.versus == case.versus_low == case.versus_high:
        return "1x"
    reach = (case.versus_high - case.versus_low) / 2
    return f"{_within(case.versus, reach)}x"


def _within(value: float | None, reach: float | None, scale: float = 1.0) -> str:
    """The digits that the rounds agree on, at most three; two where there is one round."""
    if value is None:
        return ""
    number = value * scale
    if reach is None:
        return f"{float(f'{number:.2g}'):,g}"
    return plain_figure(number, reach * scale, digits=3)
