"""The tables of a page: every figure that a chart draws, as text."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.histogram import percentile_or_none
from bench.report.html.curves import METRICS, merged
from bench.report.html.figures import cpu_us
from bench.report.html.source import label, place
from bench.report.terminal import rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bench.histogram import Histogram
    from bench.report.html.source import Digest
    from bench.report.ranking import Ratio
    from bench.report.summary import CaseSummary

PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The first cell names the row. ``case`` is whose client, loop and scenario the filters look at."""

    cells: Sequence[str]
    case: CaseSummary | None = None
    is_wrong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``texts`` is how many of the first columns hold words; the others hold figures."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Row]
    texts: int


def results(digest: Digest) -> Table:
    """The main table."""
    against = {number: one for ranking in digest.rankings for number, one in ranking.against_first.items()}
    columns = (
        "case",
        "messages/s [95 % interval]",
        "over the first",
        "p50 ms",
        "p99 ms",
        "CPU us/message",
        "limit",
    )
    rows = [
        Row(
            cells=(
                named(case, digest),
                rate(case) or case.status,
                _interval(against[case.case]) if case.case in against else "",
                _ms(case.latency_p50_us),
                _ms(case.latency_p99_us),
                _three(case.client_cpu_us_per_message),
                case.bottleneck or "",
            ),
            case=case,
            is_wrong=case.status != "valid",
        )
        for case in digest.cases
    ]
    return Table(caption="Every case, over its valid rounds", columns=columns, rows=rows, texts=1)


def ratios(digest: Digest) -> Table:
    """Behind the ratio plot: of a comparison its cells, else each case against the first of its point."""
    by_number = {case.case: case for case in digest.cases}
    if digest.comparison is not None:
        from bench.report.versus import ratio  # noqa: PLC0415  # the statistics take a second to load

        return Table(
            caption="Candidate over base",
            columns=("cell", "candidate", "base", "verdict", "ratio [95 % interval]", "rounds", "would see"),
            rows=[
                Row(
                    cells=(
                        cell.place,
                        cell.candidate,
                        cell.base,
                        cell.outcome,
                        ratio(cell),
                        str(cell.rounds),
                        "" if cell.detectable is None else f"{100 * cell.detectable:.1f} %",
                    ),
                    case=by_number.get(cell.candidate_case),
                    is_wrong=cell.outcome == "invalid",
                )
                for cell in digest.comparison.cells
            ],
            texts=4,
        )
    return Table(
        caption="Rate over that of the first case; the intervals of a scenario hold all at once",
        columns=("case", "first case", "ratio [95 % interval]", "rounds"),
        rows=[
            Row(
                cells=(
                    named(by_number[one.case], digest),
                    label(by_number[one.reference]),
                    _interval(one),
                    str(one.rounds),
                ),
                case=by_number[one.case],
            )
            for ranking in digest.rankings
            for one in ranking.against_first.values()
        ],
        texts=2,
    )


def turns(digest: Digest) -> Table:
    """The slices of each trial in short; all of them are in slices.csv."""
    by_number = {case.case: case for case in digest.cases}
    trials: dict[tuple[int, int], list[Mapping[str, Any]]] = {}
    for one in digest.source.slices:
        if one["case"] in by_number:
            trials.setdefault((one["case"], one["round"]), []).append(one)
    rows = []
    for number, round_ in sorted(trials):
        own = trials[number, round_]
        rates = known(own, "rate_per_s") or [0.0]
        waits = (known(own, column) for column in ("latency_p50_us", "latency_p99_us"))
        cells = (
            named(by_number[number], digest),
            str(round_),
            str(len(own)),
            *(_count(one) for one in (min(rates), median(rates), max(rates))),
            *(_ms(median(one) if one else None) for one in waits),
        )
        rows.append(Row(cells=cells, case=by_number[number]))
    return Table(
        caption="Slices of each round: rate in messages/s, and the medians of their latencies",
        columns=("case", "round", "slices", "slowest", "median", "fastest", "p50 ms", "p99 ms"),
        rows=rows,
        texts=1,
    )


def latencies(digest: Digest) -> Table:
    """All valid rounds of a case together; a percentile needs ten samples beyond it."""
    histograms = merged(digest.source.latencies, digest.source.run.rows)
    rows = [
        Row(
            cells=(named(case, digest), METRICS.get(metric, metric), *_percentiles(cases[case.case])),
            case=case,
        )
        for metric, cases in histograms.items()
        for case in digest.cases
        if case.case in cases
    ]
    names = (*(f"p{percentile:g} ms" for percentile in PERCENTILES), "largest ms", "samples")
    return Table(
        caption="Latency over all valid rounds", columns=("case", "latency", *names), rows=rows, texts=2
    )


def costs(digest: Digest) -> Table:
    rows = []
    for case in digest.cases:
        found = cpu_us(case, digest)
        if found is None:
            continue
        parts = (found.get(part) for part in ("user", "system", "broker"))
        cores = (_three(case.client_cores), _three(case.broker_cores))
        memory = "" if case.peak_rss_bytes is None else f"{case.peak_rss_bytes / (1 << 20):.0f}"
        share = "" if case.harness_share is None else f"{100 * case.harness_share:.1f} %"
        cells = (named(case, digest), *(_three(one) for one in parts), *cores, memory, share)
        rows.append(Row(cells=cells, case=case))
    return Table(
        caption="What a message cost, and what was busy",
        columns=(
            "case", "client user us", "client system us", "broker us", "client cores", "broker cores",
            "memory MiB", "of it the harness",
        ),
        rows=rows,
        texts=1,
    )  # fmt: skip


def counted(digest: Digest) -> Table:
    """Instructions a message of each trial, where they were counted."""
    by_number = {case.case: case for case in digest.cases}
    names = [f"instructions{part}_per_message" for part in ("", "_low", "_high")]
    rows = [
        Row(
            cells=(
                named(by_number[row["case"]], digest),
                str(row["round"]),
                *(f"{row[one]:,.0f}" for one in names),
            ),
            case=by_number[row["case"]],
        )
        for row in digest.source.run.rows
        if row.get(names[0]) is not None and row["case"] in by_number
    ]
    columns = ("case", "round", "median", "lowest", "highest")
    return Table(caption="Instructions a message, over the repeats", columns=columns, rows=rows, texts=1)


def swept(digest: Digest) -> Iterator[Table]:
    for sweep in digest.sweeps:
        rows = [
            Row(
                cells=(
                    f"{label(case)} {curve.rest}".strip(),
                    f"{value:g}",
                    rate(case),
                    "knee" if value == curve.knee else "",
                ),
                case=case,
            )
            for curve in sweep.curves
            for value, case in curve.points
        ]
        columns = ("case", sweep.field, "messages/s [95 % interval]", "knee")
        of = "" if sweep.scenario == sweep.field else f" of {sweep.scenario}"
        yield Table(caption=f"Rate{of} along {sweep.field}", columns=columns, rows=rows, texts=1)


def named(case: CaseSummary, digest: Digest) -> str:
    return f"{place(case)}: {label(case)}" if digest.has_places else label(case)


def _percentiles(histogram: Histogram) -> list[str]:
    values = [percentile_or_none(histogram, percentile) for percentile in PERCENTILES]
    return [*map(_ms, values), _ms(histogram.maximum), f"{histogram.total:,}"]


def known(rows: Iterable[Mapping[str, Any]], column: str) -> list[float]:
    return [float(row[column]) for row in rows if row.get(column) is not None]


def _interval(ratio: Ratio) -> str:
    """``1.159 [1.114, 1.205]``."""
    if ratio.low is None or ratio.high is None:
        return f"{ratio.estimate:.3f}"
    return f"{ratio.estimate:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def _count(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.0f}"


def _three(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _ms(value_us: float | None) -> str:
    return "" if value_us is None else f"{value_us / 1000:.3g}"
