"""Instruction mode in words: the table of its cases, and a comparison of two with where the work grew."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.report.grid import Grid, Heading, Page, Row, grid
from bench.report.words import measured_on
from bench.work import percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.results import Run
    from bench.work import CaseWork, Growth, WorkCell

NOISY_SPREAD = 0.01
WHAT = "Instructions of the worker outside the kernel, counted by callgrind: how much work, not how long."


def page(run: Run, cases: Sequence[CaseWork]) -> Page:
    """The table, what to know about it, where the run is and what it was measured on."""
    told = Page()
    told.table(grid_of(cases))
    told.note(*warnings(cases))
    told.say(
        *(
            f"{case.status}: {case.scenario} {case.point} {case.client} {case.loop}: {case.reason}"
            for case in cases
            if case.status != "valid"
        )
    )
    told.say(
        WHAT,
        f"run folder: {run.folder}",
        measured_on(run.facts),
    )
    return told


def grid_of(cases: Sequence[CaseWork]) -> Grid:
    words = ("scenario", "point", "client", "loop")
    figures = ("instructions/msg", "repeats within", "vs first")
    return grid(
        (
            *(Heading(name=name) for name in words),
            *(Heading(name=name, number=True) for name in figures),
            Heading(name="messages"),
        ),
        (
            Row(
                (
                    case.scenario,
                    case.point,
                    f"{case.client} {case.client_version}".strip(),
                    case.loop,
                    _count(case.instructions_per_message),
                    "" if case.spread is None else percent(case.spread),
                    "" if case.versus is None else f"{case.versus:.4g}x",
                    f"{case.received:,} ok" if case.status == "valid" else case.status,
                ),
                wrong=case.status != "valid",
            )
            for case in cases
        ),
    )


def warnings(cases: Sequence[CaseWork]) -> Iterator[str]:
    """What a reader of these counts must know; nothing if there is nothing."""
    for case in cases:
        if case.spread is not None and case.spread > NOISY_SPREAD:
            yield (
                f"The repeats of {case.client} on {case.loop} are {percent(case.spread)} apart: "
                "how many messages it reads at once depends on the time."
            )
        if case.status == "valid" and case.repeats < 2:
            yield f"{case.client} on {case.loop} has one repeat: its spread is not known."


def versus_page(cells: Sequence[WorkCell], grew: Mapping[int, Sequence[Growth]] | None) -> Page:
    """The pairs, a sentence for each, and where it grew by the candidate's case; None: nobody asked."""
    told = Page()
    told.table(
        grid(
            (
                *(Heading(name=name) for name in ("cell", "base", "candidate")),
                *(Heading(name=name, number=True) for name in ("base instr/msg", "candidate instr/msg")),
                Heading(name="ratio [repeats]", number=True),
                Heading(name="verdict", whole=True),
            ),
            (
                Row(
                    (
                        cell.place,
                        cell.base,
                        cell.candidate,
                        _count(cell.base_instructions_per_message),
                        _count(cell.candidate_instructions_per_message),
                        ratio(cell),
                        cell.outcome,
                    ),
                    wrong=cell.outcome == "invalid",
                )
                for cell in cells
            ),
        )
    )
    told.say(*map(sentence, cells))
    for cell in cells:
        if grew is None or cell.outcome in ("invalid", "skipped"):
            continue
        found = grew.get(cell.candidate_case, ())
        if not found:
            told.say(f"No function of {cell.candidate} has a larger part than in the base.")
            continue
        told.say(f"Where {cell.candidate} does more than {cell.base} {cell.place}:")
        told.table(grown_grid(found))
    return told


def grown_grid(found: Sequence[Growth]) -> Grid:
    return grid(
        (
            Heading(name="function"),
            Heading(name="counted in"),
            *(Heading(name=name, number=True) for name in ("base/msg", "candidate/msg", "growth")),
        ),
        (
            Row(
                (
                    one.function,
                    "bytecodes" if one.language == "Python" else "instructions",
                    _count(one.base),
                    _count(one.candidate),
                    f"+{percent(one.share)}",
                )
            )
            for one in found
        ),
    )


def sentence(cell: WorkCell) -> str:
    """The whole of it, to be said aloud."""
    who, whom = cell.candidate, cell.base
    if cell.base == cell.candidate:
        who, whom = f"The candidate ({cell.candidate})", f"the base (also {cell.base})"
    at = f"at {cell.place}" if cell.place else "in a cell"
    if cell.outcome in ("skipped", "invalid"):
        return f"{who} and {whom} cannot be compared {at}: {cell.reason}."
    if cell.outcome == "inconclusive":
        return f"Whether {who} does more or less work than {whom} {at} stays open: {cell.reason}."
    if cell.outcome == "same work":
        return f"{who} does the same work as {whom} {at}: {cell.reason}."
    assert cell.ratio is not None
    how = "more" if cell.outcome == "more work" else "fewer"
    return (
        f"{who} executes {percent(abs(cell.ratio - 1))} {how} instructions a message than {whom} {at} "
        f"({cell.reason})."
    )


def case_sentence(case: CaseWork) -> str:
    """What a case came to, to be said aloud."""
    who = f"{case.client} {case.client_version}".strip()
    at = f"{case.scenario} {case.point}".strip()
    if case.instructions_per_message is None:
        return f"{who} on {case.loop} has no valid count at {at}: {case.reason or case.status}."
    much = f"{_count(case.instructions_per_message)} instructions a message"
    versus = "" if case.versus in (None, 1.0) else f", {case.versus:.4g}x those of the first case"
    return f"{who} on {case.loop} executes {much} at {at}{versus}."


def rows(cells: Sequence[WorkCell]) -> list[dict[str, Any]]:
    """The rows of work.csv."""
    return [{**asdict(cell), "sentence": sentence(cell)} for cell in cells]


def as_json(rows: Sequence[Any]) -> str:
    return json.dumps(rows, indent=2, ensure_ascii=False)


def ratio(cell: WorkCell) -> str:
    if cell.ratio is None or cell.ratio_low is None or cell.ratio_high is None:
        return ""
    return f"{cell.ratio:.4f} [{cell.ratio_low:.4f}, {cell.ratio_high:.4f}]"


def _count(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}" if number >= 100 else f"{number:,.3g}"
