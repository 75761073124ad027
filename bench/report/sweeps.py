"""Scenarios whose points differ in a number: the rate along it, and its knee. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.scenario import Scenario
from bench.schema import SCENARIO_COLUMN
from bench.stats.knee import FEWEST_POINTS, knee

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.report.summary import CaseSummary

_BYTES = "payload_bytes"
_HOW_MEASURED = ("warmup_s", "measure_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One client on one loop along the sweep: a case for each value, by rising value.

    ``rest`` is in what else of the scenario the points differ, in words.
    """

    field: str
    client: str
    loop: str
    rest: str
    points: Sequence[tuple[float, CaseSummary]]

    @property
    def best(self) -> tuple[float, CaseSummary]:
        return max(self.points, key=lambda point: point[1].rate_per_s or 0)

    @property
    def knee(self) -> float | None:
        """The value of the greatest power, where a lesser one is on either side; see bench.stats.knee."""
        told = [
            (value, case.rate_per_s * (value if self.field == _BYTES else 1), case.latency_p50_us)
            for value, case in self.points
            if case.rate_per_s and case.latency_p50_us and value > 0
        ]
        if len(told) < FEWEST_POINTS:
            return None
        found = knee([gain for _, gain, _ in told], [wait for _, _, wait in told])
        return told[found.index][0] if found.place == "inside" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One scenario along ``field``, a column of the trials."""

    scenario: str
    field: str
    curves: Sequence[Curve]


def sweeps(rows: Sequence[Mapping[str, Any]], cases: Sequence[CaseSummary]) -> list[Sweep]:
    """Those with at least three values; along the field with the most of them, where several vary."""
    found = []
    for scenario in dict.fromkeys(case.scenario for case in cases):
        own = [row for row in rows if row["scenario"] == scenario]
        field = _varying(own)
        if field is None:
            continue
        values = {int(row["case"]): float(row[field]) for row in own if _is_number(row.get(field))}
        members = [case for case in cases if case.case in values and case.rate_per_s is not None]
        curves = _curves(members, values, field)
        if curves:
            found.append(Sweep(scenario=scenario, field=field, curves=curves))
    return found


def _varying(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The numeric field of the scenario that has the most values here; None where none has enough."""
    names = [SCENARIO_COLUMN.get(name, name) for name in Scenario.__dataclass_fields__]
    counts = {
        name: len({row[name] for row in rows if _is_number(row.get(name))})
        for name in names
        if name not in _HOW_MEASURED
    }
    most = max(counts, key=lambda name: counts[name])
    return most if counts[most] >= FEWEST_POINTS else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _curves(cases: Iterable[CaseSummary], values: Mapping[int, float], field: str) -> list[Curve]:
    asked = {column: name for name, column in SCENARIO_COLUMN.items()}.get(field)
    lines: dict[tuple[str, str, str], list[tuple[float, CaseSummary]]] = {}
    for case in cases:
        rest = " ".join(word for word in case.point.split() if word.partition("=")[0] not in (field, asked))
        lines.setdefault((case.client, case.loop, rest), []).append((values[case.case], case))
    return [
        Curve(
            field=field,
            client=client,
            loop=loop,
            rest=rest,
            points=sorted(points, key=lambda point: point[0]),
        )
        for (client, loop, rest), points in lines.items()
        if len(points) > 1
    ]
