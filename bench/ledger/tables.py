"""The tables of a ledger's page. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.ledger import analysis
from bench.ledger.design import CONDITIONS, LEVELS
from bench.report.grid import Grid, Heading, Row, grid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.ledger.ablation import Rule, ShiftedRule
    from bench.ledger.analysis import Equal, Injected, Share
    from bench.ledger.nominal import Nominal
    from bench.ledger.power import Shifted


def equal(rows: Sequence[Equal]) -> Grid:
    names = (
        "gates",
        "whole",
        "pass",
        "regression [95 %]",
        "inconclusive",
        "unfit",
        "faster",
        "covered [95 %]",
        "minutes",
    )
    return grid(
        (Heading(name="condition"), *(Heading(name=name, number=True) for name in names)),
        (
            Row(
                (
                    row.condition,
                    str(row.regressions.of),
                    str(row.whole),
                    str(row.outcomes["pass"]),
                    _counted(row.regressions),
                    str(row.outcomes["inconclusive"]),
                    str(row.outcomes["environment unfit"]),
                    _of(row.faster),
                    _percent(row.covered),
                    f"{row.minutes:.0f}",
                )
            )
            for row in rows
        ),
    )


def injected(rows: Sequence[Injected]) -> Grid:
    names = (
        "level",
        "true [95 %]",
        "gates",
        "regression [95 %]",
        "pass",
        "inconclusive",
        "unfit",
        "faster",
        "covered",
    )
    order = {level: place for place, level in enumerate(LEVELS)}

    def place(one: Injected) -> tuple[int, str, int]:
        return CONDITIONS.index(one.condition), one.kind, order.get(one.level, len(order))

    return grid(
        (
            Heading(name="condition"),
            Heading(name="kind"),
            *(Heading(name=name, number=True) for name in names),
        ),
        (
            Row(
                (
                    row.condition,
                    row.kind,
                    f"{100 * row.level:g} %",
                    _truth(row),
                    str(row.seen.of),
                    _percent(row.seen),
                    str(row.outcomes["pass"]),
                    str(row.outcomes["inconclusive"]),
                    str(row.outcomes["environment unfit"]),
                    _of(row.faster),
                    _percent(row.covered) if row.covered else "",
                )
            )
            for row in sorted(rows, key=place)
        ),
    )


def rules(rows: Sequence[Rule]) -> Grid:
    levels = sorted({level for row in rows for level in row.by_level})
    names = ("equal sides", *(f"{100 * level:g} %" for level in levels))
    return grid(
        (Heading(name="rule"), *(Heading(name=name, number=True) for name in names)),
        (
            Row((row.name, _percent(row.equal), *(_percent(row.by_level[level]) for level in levels)))
            for row in rows
            if row.equal.of or row.by_level
        ),
    )


def _truth(row: Injected) -> str:
    if row.truth is None:
        return ""
    true = row.truth.judged
    shares = (100 * analysis.slower_share(one) for one in (true.estimate, true.high, true.low))
    estimate, low, high = shares
    return f"{estimate:.1f} % [{low:.1f}, {high:.1f}]"


def _counted(share: Share) -> str:
    """For what should never be: the count, with the interval of the share."""
    if share.interval is None:
        return ""
    return f"{share.hits} [{100 * share.interval.low:.1f} %, {100 * share.interval.high:.1f} %]"


def _of(share: Share) -> str:
    return f"{share.hits} of {share.of}" if share.of else ""


def _percent(share: Share) -> str:
    if share.interval is None:
        return ""
    low, high = 100 * share.interval.low, 100 * share.interval.high
    return f"{100 * share.interval.estimate:.0f} % [{low:.0f}, {high:.0f}]"


def shifted(rows: Sequence[Shifted]) -> Grid:
    names = (
        "added",
        "gates",
        "regression [95 %]",
        "pass [95 %]",
        "inconclusive [95 %]",
        "unfit",
        "faster [95 %]",
    )
    return _grid(
        ("condition",),
        names,
        (
            (
                row.condition,
                level(row.level),
                str(row.seen.of),
                _percent(row.seen),
                _percent(row.said["pass"]),
                _percent(row.said["inconclusive"]),
                str(row.said["environment unfit"].hits),
                _if(row.faster),
            )
            for row in rows
        ),
    )


def by_time(rows: Sequence[Shifted]) -> Grid:
    """A row for each length of gates; the share of regressions by level, and of what was called faster."""
    levels = list(dict.fromkeys(row.level for row in rows))
    found: dict[tuple[str, int], dict[float, Shifted]] = {}
    for row in rows:
        found.setdefault((row.condition, row.gates), {})[row.level] = row
    return _grid(
        ("condition",),
        ("rounds", "seconds", "gates", *(level(one) for one in levels), "faster at 0 %"),
        (
            (
                condition,
                "+".join(map(str, by_level[0.0].rounds)),
                f"{by_level[0.0].seconds:.0f}",
                str(by_level[0.0].seen.of),
                *(_percent(by_level[one].seen) for one in levels),
                _if(by_level[0.0].faster),
            )
            for (condition, _), by_level in found.items()
        ),
    )


def shifted_rules(rows: Sequence[ShiftedRule]) -> Grid:
    levels = list(rows[0].by_level) if rows else []
    return _grid(
        ("condition", "rule"),
        ("gates", *(level(one) for one in levels)),
        (
            (
                row.condition,
                row.name,
                str(row.by_level[0.0].of),
                *(_percent(row.by_level[one]) for one in levels),
            )
            for row in rows
        ),
    )


def coverage(rows: Sequence[Nominal]) -> Grid:
    return _grid(
        ("condition", "of"),
        ("rounds", "gates", "Hodges-Lehmann [95 %]", "t interval [95 %]"),
        (
            (
                row.condition,
                row.of,
                str(row.rounds),
                str(row.covered.of),
                _tenths(row.covered),
                _tenths(row.by_mean),
            )
            for row in rows
        ),
    )


def chances(rows: Sequence[Nominal]) -> Grid:
    levels = list(rows[0].below) if rows else []
    return _grid(
        ("condition", "of"),
        (f"p up to {one:g}" for one in levels),
        (
            (
                row.condition,
                row.of,
                *(f"{_percent(row.below[one])} ({100 * row.expected(one):.1f} %)" for one in levels),
            )
            for row in rows
        ),
    )


def level(share: float) -> str:
    return f"{100 * share:g} %"


def _grid(words: Iterable[str], numbers: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Grid:
    headings = (
        *(Heading(name=name) for name in words),
        *(Heading(name=name, number=True) for name in numbers),
    )
    return grid(headings, map(Row, rows))


def _if(share: Share | None) -> str:
    return "" if share is None else _percent(share)


def _tenths(share: Share) -> str:
    if share.interval is None:
        return ""
    estimate, low, high = (
        100 * one for one in (share.interval.estimate, share.interval.low, share.interval.high)
    )
    return f"{estimate:.1f} % [{low:.1f}, {high:.1f}]"
