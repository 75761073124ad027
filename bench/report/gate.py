"""A gate in words: a table and a sentence for people, Markdown, JUnit XML and JSON for machines. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from bench.report.grid import Grid, Heading, Page, Row, grid
from bench.report.work import WHAT
from bench.work import percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.counting import Meter
    from bench.gate import Gate, GateCell

JSON_SCHEMA = "mqbench-check-1"
"""The name of what :func:`as_json` writes; ``check.schema.json`` beside this module describes it."""

_TIMED = ("base msg/s", "candidate msg/s", "ratio [95 % interval]", "slower by at most", "margin", "rounds")
_COUNTED = ("base instr/msg", "candidate instr/msg", "ratio [repeats]", "more work by at most", "margin")
_NUMBERS: dict[Meter, tuple[str, ...]] = {"time": _TIMED, "instructions": _COUNTED}
_NO_TIME = "(instructions, not time)"
_CONTROLS = {"holds": "holds", "fails": "fails", "unknown": "says nothing"}


def page(gate: Gate) -> Page:
    """The table, why of each cell that does not pass, the control, and the sentence."""
    told = Page()
    told.table(grid_of(gate))
    for cell in gate.cells:
        if cell.outcome != "pass":
            told.say(f"{cell.place}: {cell.outcome}: {cell.reason}.")
    told.say(f"The control {_CONTROLS[gate.control]}: {gate.control_reason}.")
    if gate.meter == "instructions":
        told.say(WHAT)
    if gate.disturbed and gate.outcome != "pass":
        told.note(f"The machine was not quiet: {gate.disturbed}.")
    told.say(sentence(gate))
    return told


def grid_of(gate: Gate) -> Grid:
    return grid(
        (
            Heading(name="cell"),
            *(Heading(name=name, number=True) for name in _NUMBERS[gate.meter]),
            Heading(name="outcome", whole=True),
        ),
        (
            Row(
                (cell.place, *_figures(gate.meter, cell), cell.outcome),
                wrong=cell.outcome not in ("pass", "inconclusive"),
            )
            for cell in gate.cells
        ),
    )


def sentence(gate: Gate) -> str:
    """The whole of it, to be said aloud."""
    versions = dict.fromkeys((cell.base, cell.candidate) for cell in gate.cells)
    base, candidate = next(iter(versions))
    who = (
        f"{candidate} against {base}" if base != candidate else f"{candidate} against another copy of itself"
    )
    cells = f"{len(gate.cells)} cells" if len(gate.cells) > 1 else "one cell"
    like = [cell for cell in gate.cells if cell.outcome == gate.outcome]
    where = ", ".join(cell.place for cell in like)
    if gate.outcome == "missing":
        return f"Not measured, so no pass: {who} at {where} ({like[0].reason})."
    if gate.outcome == "invalid":
        return f"Invalid, so no pass: {who} at {where} ({like[0].reason})."
    of = _of_work if gate.meter == "instructions" else _of_time
    return of(gate, who, like, cells, where)


def _of_time(gate: Gate, who: str, like: Sequence[GateCell], cells: str, where: str) -> str:
    if gate.outcome == "pass":
        most = max(0.0, *(cell.slow_down_at_most or 0.0 for cell in gate.cells))
        return f"Pass: {who} is slower by at most {_percent(most)} in {cells}, under the margin."
    if gate.outcome == "regression":
        worst = max(like, key=lambda cell: 1 / (cell.ratio or 1.0))
        more = f" (the worst of {len(like)})" if len(like) > 1 else ""
        return f"Regression: {who} takes {_span(worst)} more time per message at {worst.place}{more}."
    if gate.outcome == "environment unfit":
        return f"Environment unfit: {who} seems slower at {where}, but the base differs from itself too."
    return f"Inconclusive: {who} can neither pass nor be called slower at {where}; more time may."


def _of_work(gate: Gate, who: str, like: Sequence[GateCell], cells: str, where: str) -> str:
    if gate.outcome == "pass":
        most = percent(max(0.0, *(cell.more_work_at_most or 0.0 for cell in gate.cells)))
        return f"Pass: {who} does at most {most} more work in {cells}, under the margin {_NO_TIME}."
    if gate.outcome == "regression":
        worst = max(like, key=lambda cell: cell.ratio or 1.0)
        more = f" (the worst of {len(like)})" if len(like) > 1 else ""
        much = f"{_more(worst)} more work per message at {worst.place}{more}"
        return f"Regression: {who} does {much} {_NO_TIME}."
    if gate.outcome == "environment unfit":
        return f"Environment unfit: {who} cannot be judged at {where}: counts of the base do not repeat."
    return f"Inconclusive: the work of {who} lies at the margin at {where} {_NO_TIME}."


def as_markdown(gate: Gate) -> str:
    """For a job's summary."""
    return f"## mqbench check: {gate.outcome}\n\n{page(gate).as_markdown()}"


def as_junit(gate: Gate) -> str:
    """A test case a cell: a failure where it is slower or open, an error where it could not be judged."""
    failed = sum(cell.outcome in ("regression", "inconclusive") for cell in gate.cells)
    errors = sum(cell.outcome not in ("pass", "regression", "inconclusive") for cell in gate.cells)
    counts = {"tests": str(len(gate.cells)), "failures": str(failed), "errors": str(errors)}
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": "mqbench check", **counts})
    meter = {"name": "meter", "value": gate.meter}
    ET.SubElement(ET.SubElement(suite, "properties"), "property", meter)
    for cell in gate.cells:
        case = ET.SubElement(
            suite, "testcase", {"classname": "mqbench.check", "name": _printable(cell.place)}
        )
        if cell.outcome != "pass":
            kind = "failure" if cell.outcome in ("regression", "inconclusive") else "error"
            told = {"type": cell.outcome, "message": _printable(cell.reason)}
            ET.SubElement(case, kind, told).text = _printable(_told(gate.meter, cell))
        else:
            ET.SubElement(case, "system-out").text = _printable(_told(gate.meter, cell))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def as_json(gate: Gate, facts: Mapping[str, Any]) -> str:
    """``facts`` are those of run.json that say what was measured on."""
    whole = {
        "schema": JSON_SCHEMA,
        "outcome": gate.outcome,
        "exit_code": gate.exit_code,
        "meter": gate.meter,
        "sentence": sentence(gate),
        "base": facts["gate"]["base"],
        "candidate": facts["gate"]["candidate"],
        "seed": facts["seed"],
        "mqbench_version": facts["mqbench_version"],
        "control": {"outcome": gate.control, "reason": gate.control_reason},
        "disturbed": gate.disturbed,
        "cells": [asdict(cell) for cell in gate.cells],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _figures(meter: Meter, cell: GateCell) -> tuple[str, ...]:
    margin = f"{100 * cell.margin:g} %"
    if meter == "instructions":
        return (
            _count(cell.base_instructions_per_message),
            _count(cell.candidate_instructions_per_message),
            _ratio(cell, 4),
            "" if cell.more_work_at_most is None else percent(max(0.0, cell.more_work_at_most)),
            margin,
        )
    most = "" if cell.slow_down_at_most is None else _percent(max(0.0, cell.slow_down_at_most))
    rates = (_rate(cell.base_rate_per_s), _rate(cell.candidate_rate_per_s))
    return (*rates, _ratio(cell, 3), most, margin, str(cell.rounds))


def _ratio(cell: GateCell, digits: int) -> str:
    if cell.ratio is None:
        return ""
    return f"{cell.ratio:.{digits}f} [{cell.ratio_low:.{digits}f}, {cell.ratio_high:.{digits}f}]"


def _told(meter: Meter, cell: GateCell) -> str:
    words = zip(_NUMBERS[meter], _figures(meter, cell), strict=True)
    figures = ", ".join(f"{name} {value}" for name, value in words if value)
    note = f" {WHAT}" if meter == "instructions" else ""
    return (
        f"{cell.candidate} against {cell.base} at {cell.place}: {cell.outcome}: {cell.reason} "
        f"({figures}).{note}"
    )


def _more(cell: GateCell) -> str:
    assert cell.ratio is not None
    assert cell.ratio_low is not None
    assert cell.ratio_high is not None
    estimate, low, high = (100 * (one - 1) for one in (cell.ratio, cell.ratio_low, cell.ratio_high))
    return f"{estimate:.2f} % [{low:.2f}, {high:.2f}]"


def _span(cell: GateCell) -> str:
    assert cell.ratio is not None
    assert cell.ratio_low is not None
    assert cell.ratio_high is not None
    estimate, low, high = (100 * (1 / one - 1) for one in (cell.ratio, cell.ratio_high, cell.ratio_low))
    return f"{estimate:.1f} % [{low:.1f}, {high:.1f}]"


def _rate(rate_per_s: float | None) -> str:
    return "" if rate_per_s is None else f"{float(f'{rate_per_s:.3g}'):,.0f}"


def _count(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _printable(text: str) -> str:
    """Without what XML cannot hold: a client's last words may have anything in them."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
