"""Stored runs in words: a line a run with its headline, those of one machine together."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bench import work
from bench.cell import client_name, versioned
from bench.report.grid import Heading, Page, Row, grid
from bench.report.summary import csv_of, summarise
from bench.report.terminal import client_label, rate
from bench.report.versus import ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.cell import Cell
    from bench.report.summary import CaseSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run in a line. ``rate_per_s`` is that of the headline, None where nothing valid was measured."""

    machine: str
    started_at: str
    run: str
    scenarios: str
    cases: int
    rounds: int
    outcome: str
    headline: str
    rate_per_s: float | None


def entry(
    machine: str, run: str, facts: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], verdict: str | None
) -> Entry:
    """``verdict``: what a comparison or a question came to, which is then the headline."""
    stored = list(rows)
    cases = summarise(stored)
    best = _best(cases)
    if facts.get("meter") == "instructions":
        verdict = verdict or _counted(stored)
    return Entry(
        machine=machine,
        started_at=str(facts.get("started_at") or ""),
        run=run,
        scenarios=" ".join(dict.fromkeys(case.scenario for case in cases)),
        cases=len(cases),
        rounds=max((case.rounds for case in cases), default=0),
        outcome=str(facts.get("outcome") or ""),
        headline=verdict or _headline(cases, best),
        rate_per_s=best.rate_per_s if best else None,
    )


def compared(cells: Sequence[Cell]) -> str:
    """The first cell of a comparison, and how many more there are."""
    cell = cells[0]
    told = f"{cell.candidate} against {cell.base}: {cell.outcome}"
    if figures := ratio(cell):
        told = f"{told}, {figures}x".replace(" [", "x [").removesuffix("x")
    return told if len(cells) == 1 else f"{told}, and {len(cells) - 1} more cells"


def _counted(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The headline of instruction mode: what the first sound case takes."""
    for case in work.summarise(rows):
        if case.instructions_per_message and case.status == "valid":
            who = f"{versioned(client_name(case.client), case.client_version)} on {case.loop}"
            return f"{who}: {case.instructions_per_message:,.0f} instructions/msg"
    return None


def _best(cases: Sequence[CaseSummary]) -> CaseSummary | None:
    """The fastest of the first scenario point: only within one are rates of the same work."""
    sound = [case for case in cases if case.status == "valid" and case.rate_per_s]
    first = [case for case in sound if (case.scenario, case.point) == (sound[0].scenario, sound[0].point)]
    return max(first, key=lambda case: case.rate_per_s or 0.0, default=None)


def _headline(cases: Sequence[CaseSummary], best: CaseSummary | None) -> str:
    if best is None:
        wrong = next((case for case in cases if case.reason), None)
        return f"nothing valid: {wrong.reason}" if wrong else "nothing was measured"
    peers = sum((case.scenario, case.point) == (best.scenario, best.point) for case in cases)
    among = f", the fastest of {peers}" if peers > 1 else ""
    return f"{client_label(best)} on {best.loop}: {rate(best)} msg/s{among}"


def matches(told: Entry, more: str, words: Sequence[str]) -> bool:
    """Whether every word is somewhere in what the line says, or in ``more``."""
    text = " ".join((*map(str, asdict(told).values()), more)).casefold()
    return all(word.casefold() in text for word in words)


def page(groups: Sequence[tuple[str, Sequence[Entry]]]) -> Page:
    """``groups``: a sentence about a machine, and its runs."""
    told = Page()
    for machine, entries in groups:
        told.say(machine)
        told.table(
            grid(
                (
                    *(Heading(name="when (UTC)", whole=True), Heading(name="run")),
                    *(Heading(name="scenario"), Heading(name="rounds", number=True)),
                    *(Heading(name="outcome"), Heading(name="headline")),
                ),
                (
                    Row(
                        (
                            one.started_at[:16].replace("T", " "),
                            *(one.run, one.scenarios, str(one.rounds)),
                            *(one.outcome, one.headline),
                        ),
                        wrong=one.outcome != "valid",
                    )
                    for one in entries
                ),
            )
        )
    if not groups:
        told.say("There is no such run.")
    return told


def as_json(entries: Sequence[Entry]) -> str:
    return json.dumps([asdict(one) for one in entries], indent=2, ensure_ascii=False)


def as_csv(entries: Sequence[Entry]) -> str:
    return csv_of([asdict(one) for one in entries], list(Entry.__dataclass_fields__))
