"""One field over values: what each gives, and where more of it begins to cost more than it gains."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from bench.answers import Answer
from bench.answers.wording import latency, ms, per_s, who
from bench.report.grid import Heading, Row, grid
from bench.report.summary import CaseSummary, summarise
from bench.report.terminal import client_label, rate
from bench.scenario import Scenario
from bench.schema import SCENARIO_COLUMN, SWEEP_COLUMNS
from bench.stats.knee import FEWEST_POINTS, Knee, knee

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.answers import Rows
    from bench.report.grid import Grid

_BYTES = "payload_bytes"
MARK = "knee"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of the field, over its rounds; ``gain`` is what its power is made of."""

    case: CaseSummary
    value: str
    gain: float | None
    by_round: Mapping[int, tuple[float, float]]

    @property
    def power(self) -> float | None:
        return self.gain / self.case.latency_p50_us if self.gain and self.case.latency_p50_us else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One client on one loop over all values that are valid; ``votes`` counts the rounds by their knee."""

    field: str
    points: Sequence[Point]
    knee: Knee | None
    votes: Mapping[int, int]

    @property
    def at(self) -> Point | None:
        return None if self.knee is None else self.points[self.knee.index]


def answer(question: Mapping[str, Any], rows: Rows, _: Rows) -> Answer:
    field = str(question["field"])
    summaries = {case.case: case for case in summarise(rows)}
    points = [
        _point(field, summaries[number], [row for row in rows if row["case"] == number])
        for number in sorted(summaries)
    ]
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        groups.setdefault((point.case.client, point.case.loop), []).append(point)
    series = [_series(field, group) for group in groups.values()]
    places = {one.at.case.case: one for one in series if one.at is not None}
    votes = {one.points[index].case.case: count for one in series for index, count in one.votes.items()}
    return Answer(
        kind="sweep",
        columns=SWEEP_COLUMNS,
        rows=[_row(field, point, places, votes) for point in points],
        shown=_grid(field, points, places),
        sentences=[sentence(one, group) for one, group in zip(series, groups.values(), strict=True)],
        settled=any(one.points for one in series),
    )


def ordered(field: str) -> bool:
    """Whether the values of a field are numbers, so that more and less of it mean something."""
    default = next(one.default for one in fields(Scenario) if one.name == field)
    kind = Scenario.OPTIONAL.get(field, type(default))
    return kind in (int, float)


def _point(field: str, case: CaseSummary, rows: Rows) -> Point:
    size = float(rows[0][_BYTES]) if field == _BYTES else 1.0
    return Point(
        case=case,
        value=_value(rows[0][SCENARIO_COLUMN.get(field, field)]),
        gain=None if case.rate_per_s is None else case.rate_per_s * size,
        by_round={
            int(row["round"]): (float(row["rate_per_s"]) * size, float(row["latency_p50_us"]))
            for row in rows
            if row["status"] == "valid" and row["latency_p50_us"]
        },
    )


def _value(cell: Any) -> str:
    if cell is None:
        return "none"
    return f"{cell:.12g}" if isinstance(cell, float) else str(cell)


def _series(field: str, group: Sequence[Point]) -> Series:
    points = [point for point in group if point.case.status == "valid" and point.gain]
    unordered = not ordered(field) or any(point.value == "none" for point in points)
    told = [point for point in points if point.power is not None]
    if unordered or len(told) < FEWEST_POINTS:
        return Series(field=field, points=points, knee=None, votes={})
    points = sorted(told, key=lambda point: float(point.value))
    found = knee([point.gain or 0 for point in points], [point.case.latency_p50_us or 0 for point in points])
    return Series(field=field, points=points, knee=found, votes=Counter(_knees(points)))


def _knees(points: Sequence[Point]) -> Iterator[int]:
    """The knee of each round in which every point has its figures."""
    rounds = set.intersection(*(set(point.by_round) for point in points))
    for number in sorted(rounds):
        gains, latencies = zip(*(point.by_round[number] for point in points), strict=True)
        yield knee(gains, latencies).index


def _row(field: str, point: Point, places: Mapping[int, Series], votes: Mapping[int, int]) -> dict[str, Any]:
    case = point.case
    return {
        "case": case.case,
        "client": case.client,
        "client_version": case.client_version,
        "loop": case.loop,
        "field": field,
        "value": point.value,
        "status": case.status,
        "reason": case.reason,
        "rounds": case.rounds,
        "rate_per_s": case.rate_per_s,
        "rate_low_per_s": case.rate_low_per_s,
        "rate_high_per_s": case.rate_high_per_s,
        "latency_p50_us": case.latency_p50_us,
        "latency_p99_us": case.latency_p99_us,
        "power": point.power,
        "knee": places[case.case].knee.place if case.case in places else None,  # type: ignore[union-attr]
        "knee_rounds": votes.get(case.case, 0),
    }


def _grid(field: str, points: Sequence[Point], places: Mapping[int, Series]) -> Grid:
    figures = ("msg/s [95 % interval]", "p50 ms", "p99 ms")
    return grid(
        (
            *(Heading(name=name) for name in ("client", "loop")),
            *(Heading(name=name, number=True) for name in (field, *figures)),
            *(Heading(name=name) for name in ("limit", "knee")),
        ),
        (Row(_shown(point, places), wrong=point.case.status != "valid") for point in points),
    )


def _shown(point: Point, places: Mapping[int, Series]) -> tuple[str, ...]:
    case = point.case
    mark = MARK if case.case in places else ""
    return (
        client_label(case),
        case.loop,
        point.value,
        rate(case),
        ms(case.latency_p50_us),
        ms(case.latency_p99_us),
        case.bottleneck or "",
        mark if case.status == "valid" else f"{case.status}: {case.reason}",
    )


def sentence(series: Series, group: Sequence[Point]) -> str:
    """What a sweep of one client on one loop says."""
    field, name = series.field, who(group[0].case)
    if not series.points:
        return f"{name} has no valid point of {field}: {group[0].case.reason}."
    best = max(series.points, key=lambda point: point.gain or 0)
    summit = f"The highest rate is {_said(field, best)} at {field}={best.value}, with {latency(best.case)}."
    span = f"{name}, {field} from {series.points[0].value} to {series.points[-1].value}"
    if series.knee is None or series.at is None:
        why = _no_knee(series)
        return f"{span}: {summit[0].lower()}{summit[1:]} {why}"
    at, gains = series.at, "bytes a second" if field == _BYTES else "rate"
    if series.knee.place == "last":
        ends = f"no knee up to {field}={at.value}: up to there {gains} gains more than latency loses"
    elif series.knee.place == "first":
        ends = (
            f"the knee is at {field}={at.value} or below: from there on latency loses more than {gains} gains"
        )
    else:
        ends = f"the knee is at {field}={at.value}"
    figures = f"{_said(field, at)} with {latency(at.case)}"
    ends = f"{span}: {ends}, {figures}.{_agreement(series)}"
    return ends if best is at else f"{ends} {summit}"


def _said(field: str, point: Point) -> str:
    rate_per_s = f"{per_s(point.case.rate_per_s)} messages a second"
    if field == _BYTES and point.gain:
        return f"{rate_per_s} ({float(f'{point.gain / 1e6:.3g}'):g} MB/s)"
    return rate_per_s


def _no_knee(series: Series) -> str:
    if not ordered(series.field) or any(point.value == "none" for point in series.points):
        return f"Values of {series.field} have no order, so there is no knee."
    if len(series.points) < FEWEST_POINTS:
        return f"A knee takes {FEWEST_POINTS} valid points, and {len(series.points)} are there."
    return f"A knee takes {FEWEST_POINTS} points with a latency, and fewer are there."


def _agreement(series: Series) -> str:
    """How far the rounds agree, each taken by itself."""
    rounds = sum(series.votes.values())
    if rounds < 2 or series.knee is None:
        return ""
    same = series.votes.get(series.knee.index, 0)
    if same == rounds:
        return f" All {rounds} rounds put it there."
    low, high = (series.points[end(series.votes)].value for end in (min, max))
    return f" {same} of {rounds} rounds put it there, all of them between {low} and {high}."
