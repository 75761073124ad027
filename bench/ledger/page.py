"""The page of a ledger, docs/validation.md: what was made, and how often it was answered right. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.ledger import analysis
from bench.ledger.design import LEVELS
from bench.ledger.injected import KINDS
from bench.report.grid import Grid, Heading, Row, as_markdown, grid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.ledger.analysis import Equal, Injected, Judged, Rule, Share
    from bench.ledger.design import Design

_HEAD = """\
---
orphan: true
---

# How often the gate is right

Written by `mqbench validate report {folder} --page FILE` from the raw rows in that folder (`gates.csv` and
`rounds.csv`); do not edit it by hand. `mqbench validate make {folder}` made the gates, each a whole
`mqbench check` with {rounds} rounds of {slices} slices of about {slice_ms:.0f} ms: base, candidate and a
second copy of the base, in three environments that were built for themselves. The client is {client}, the
broker {broker}, {message_us:.0f} us a message, on {machine}. The seed is {seed}.
"""

_EQUAL = """\
## Equal sides

Both sides are the same code, so every regression is false. *Covered*: how often the 95 % interval of the
first stage held 0. *Faster*: how often `mqbench ab` would have called the candidate faster, from the same
rounds.
"""

_INJECTED = """\
## Injected slow-downs

{kinds}.

The level is what was aimed at. The *true* effect is that of one long gate for each row (the reference), apart
from the gates that are judged. A level below 0 has the extra work in the base. Both sides share a broker, so
a slower broker cannot be injected into one of them.
"""

_RULES = """\
## What other rules would have said

On the raw data of the same gates: the share that each called slower. For equal sides (and levels below 0) it
should be 0, else 1. Each rule got every round that a gate has.
"""


def written(design: Design, machine: Mapping[str, Any], gates: Sequence[Judged], folder: str) -> str:
    """The whole page."""
    first, second = design.rounds
    head = _HEAD.format(
        folder=folder,
        rounds=f"{first} and{'' if design.whole else ', where needed,'} {second}",
        slices=design.slices,
        slice_ms=1e3 * design.slice_s,
        client=design.client,
        broker=design.broker,
        message_us=design.message_us,
        machine=f"{machine.get('cores_online')} cores ({machine.get('cpu_name')}), Python "
        f"{machine.get('python_version')}",
        seed=design.seed,
    )
    kinds = "; ".join(f"*{kind}*: {KINDS[kind]}" for kind in design.units)
    return "\n".join(
        [
            head,
            _EQUAL,
            _table(_equal(analysis.equal_sides(gates))),
            "",
            _INJECTED.format(kinds=kinds[:1].upper() + kinds[1:]),
            _table(_injected(analysis.injected(gates))),
            "",
            _RULES,
            _table(_rules(analysis.rules(gates))),
            "",
        ]
    )


def _table(shown: Grid) -> str:
    return as_markdown(shown) if shown.rows else "No such gate has been made."


def _equal(rows: Sequence[Equal]) -> Grid:
    names = (
        "gates",
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
                    str(row.outcomes["pass"]),
                    _counted(row.regressions),
                    str(row.outcomes["inconclusive"]),
                    str(row.outcomes["environment unfit"]),
                    str(row.faster.hits),
                    _percent(row.covered),
                    f"{row.minutes:.0f}",
                )
            )
            for row in rows
        ),
    )


def _injected(rows: Sequence[Injected]) -> Grid:
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
                    str(row.faster.hits),
                    _percent(row.covered) if row.covered else "",
                )
            )
            for row in sorted(rows, key=lambda one: (one.condition, one.kind, order.get(one.level, 99)))
        ),
    )


def _rules(rows: Sequence[Rule]) -> Grid:
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
    mean = row.truth.mean
    shares = (100 * analysis.slower_share(one) for one in (mean.estimate, mean.high, mean.low))
    estimate, low, high = shares
    return f"{estimate:.1f} % [{low:.1f}, {high:.1f}]"


def _counted(share: Share) -> str:
    """For what should never be: the count, with the interval of the share."""
    if share.interval is None:
        return ""
    return f"{share.hits} [{100 * share.interval.low:.1f} %, {100 * share.interval.high:.1f} %]"


def _percent(share: Share) -> str:
    if share.interval is None:
        return ""
    low, high = 100 * share.interval.low, 100 * share.interval.high
    return f"{100 * share.interval.estimate:.0f} % [{low:.0f}, {high:.0f}]"
