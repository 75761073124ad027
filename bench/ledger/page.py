"""The page of a ledger, docs/validation.md: what was made, and how often it was answered right. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bench.ledger import ablation, analysis, nominal, power, tables
from bench.ledger.injected import KINDS
from bench.report.grid import as_markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.ledger.ablation import Rule, ShiftedRule
    from bench.ledger.analysis import Equal, Injected, Judged
    from bench.ledger.design import Design
    from bench.ledger.nominal import Nominal
    from bench.ledger.power import Replayed, Shifted
    from bench.report.grid import Grid

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
first stage held 0. A gate is *whole* where both stages were measured whatever the first said; the others
ended where they were decided, which changes no outcome. *Faster*: how often `mqbench ab` would have called
the candidate faster, from all rounds of the whole ones.
"""

_NOMINAL = """\
### Do intervals and p-values keep their promise?

On equal sides a 95 % interval should hold 0 in 95 % of gates (the goal is 93 to 97). A gate's two stages are
disjoint data; *all rounds* are both together. Every gate has its first stage; the rest is of whole gates.
"""

_CHANCES = """\
The one-sided p of "slower", by signed ranks, should be at or below 0.05 in 5 % of gates, and so on.
Few rounds have few sums of ranks, so that p has steps: behind each share stands, in brackets, what these let
come by chance.
"""

_SHIFTED = """\
## A known difference, added to equal sides

Computed, not measured: each round of equal sides has its noise, and a difference that multiplies the
candidate's rates adds its logarithm to the round's effect. The rule of `mqbench check`, both stages and the
control, was put to the rounds of whole gates with a known difference added: x % more time for a message, or,
below 0, so many more messages in the same time. So the truth is known without error, and the noise is that of
real rounds; what this cannot show is a slow-down that also changes the noise, for which see the injected
ones. With nothing added it must say what the gates said: it does in {agree} of {of}.{former}
"""

_FORMER = """
Of the others {former} were made while the rule went by means, and said what that says."""

_TIME = """\
### What more time buys

The same with the rounds of consecutive whole gates put together as those of one longer gate, each used once.
*Seconds* are those of a gate of that length with all its rounds: three cases (base, candidate, control),
connecting, warming up and the broker's start included. Columns are the share called a regression, by what was
added.
"""

_BY_MEAN = """\
The same gates by the rule as it was before: sign flips of the mean instead of signed ranks, and Student's t
interval instead of that of Hodges and Lehmann:
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

On the raw data of the same whole gates: the share that each called slower. For equal sides (and levels below
0) it should be 0, else 1. Each rule got every round that a gate has. First on equal sides with a known
difference added, as above, where the other rules got the candidate's rates changed by it:
"""

_RULES_INJECTED = """\
Then on the gates as they were measured, equal sides and injected slow-downs, under all conditions:
"""

PLOTS = {
    "power": "Share of gates that each rule calls slower, by the difference that was added.",
    "time": "Share of gates called a regression by seconds a pair, for each difference that was added.",
    "chances": "p-values of equal sides against what chance gives; 95 % of points lie in the band.",
}
"""What the plots beside the page show, by the end of their name; the table next to each has its figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that a page and its plots are made of."""

    equal: Sequence[Equal]
    nominal: Sequence[Nominal]
    shifted: Sequence[Shifted]
    by_time: Sequence[Shifted]
    by_time_and_mean: Sequence[Shifted]
    replayed: Replayed
    injected: Sequence[Injected]
    rules: Sequence[Rule]
    shifted_rules: Sequence[ShiftedRule]

    @classmethod
    def of(cls, gates: Sequence[Judged]) -> Self:
        return cls(
            equal=analysis.equal_sides(gates),
            nominal=nominal.nominal(gates),
            shifted=power.by_shift(gates),
            by_time=power.by_time(gates),
            by_time_and_mean=power.by_time(gates, "mean"),
            replayed=power.replayed(gates),
            injected=analysis.injected(gates),
            rules=ablation.rules(gates),
            shifted_rules=ablation.shifted_rules(gates, power.LEVELS),
        )


def written(
    design: Design,
    machine: Mapping[str, Any],
    found: Findings,
    folder: str,
    plots: Mapping[str, str],
) -> str:
    """The whole page; ``plots`` are the files of :data:`PLOTS` that there are, relative to it."""
    kinds = "; ".join(f"*{kind}*: {KINDS[kind]}" for kind in design.units)
    pictures = {
        name: f"![{words} The table has the figures.]({plots[name]})\n" if name in plots else ""
        for name, words in PLOTS.items()
    }
    parts = [
        _head(design, machine, folder),
        _EQUAL,
        _table(tables.equal(found.equal)),
        "",
        _NOMINAL,
        _table(tables.coverage(found.nominal)),
        "",
        _CHANCES,
        pictures["chances"],
        _table(tables.chances(found.nominal)),
        "",
        _SHIFTED.format(
            agree=found.replayed.agree,
            of=found.replayed.of,
            former=_FORMER.format(former=found.replayed.former) if found.replayed.former else "",
        ),
        _table(tables.shifted(found.shifted)),
        "",
        _TIME,
        pictures["time"] if found.by_time else "",
        _table(tables.by_time(found.by_time)),
        "",
        _BY_MEAN,
        _table(tables.by_time(found.by_time_and_mean)),
        "",
        _INJECTED.format(kinds=kinds[:1].upper() + kinds[1:]),
        _table(tables.injected(found.injected)),
        "",
        _RULES,
        pictures["power"],
        _table(tables.shifted_rules(found.shifted_rules)),
        "",
        _RULES_INJECTED,
        _table(tables.rules(found.rules)),
    ]
    return re.sub("\n{3,}", "\n\n", "\n".join(parts)) + "\n"


def _head(design: Design, machine: Mapping[str, Any], folder: str) -> str:
    return _HEAD.format(
        folder=folder,
        rounds="{} and {}".format(*design.rounds),
        slices=design.slices,
        slice_ms=1e3 * design.slice_s,
        client=design.client,
        broker=design.broker,
        message_us=design.message_us,
        machine=f"{machine.get('cores_online')} cores ({machine.get('cpu_name')}), Python "
        f"{machine.get('python_version')}",
        seed=design.seed,
    )


def _table(shown: Grid) -> str:
    return as_markdown(shown) if shown.rows else "No such gate has been made."
