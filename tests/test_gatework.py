"""A gate from counted rows: the margin, the repeats' reach, the control, and what must not pass uncounted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.gate import EXIT_CODES, Design, Gate, Trio
from bench.gate.counted import CONTROL, decided, judged
from bench.report import gate as report

FACTS = {"gate": {"base": "memory", "candidate": "slow.py"}, "seed": 1, "mqbench_version": "0.1.0"}
SCHEMA = Path(report.__file__).with_name("check.schema.json")
ratios = st.floats(0.5, 2.0)
spreads = st.floats(0.0, 0.2)


def row(case: int, middle: float, spread: float = 0.001, **other: Any) -> dict[str, Any]:
    return {
        "case": case,
        "round": 1,
        "status": "valid",
        "reason": None,
        "scenario": "headline",
        "point": None,
        "client": "memory",
        "client_version": "1",
        "loop": "asyncio",
        "meter": "instructions",
        "instructions_per_message": middle,
        "instructions_low_per_message": middle * (1 - spread),
        "instructions_high_per_message": middle * (1 + spread),
        "instructions_repeats": 3,
        **other,
    }


def gate(
    candidate: float = 1.0, control: float = 1.0, *, spread: float = 0.001, rows: Any = None, cells: int = 1
) -> Gate:
    trios = tuple(
        Trio(base=3 * place + 1, candidate=3 * place + 2, control=3 * place + 3, margin=0.05)
        for place in range(cells)
    )
    made = [row(1, 1e6, spread), row(2, candidate * 1e6, spread), row(3, control * 1e6, spread)]
    design = Design(base="memory", candidate="slow.py", trios=trios, first=1)
    return judged(design, made if rows is None else rows)


@pytest.mark.parametrize(
    ("candidate", "control", "spread", "outcome", "code"),
    [
        (1.10, 1.001, 0.001, "regression", 1),
        (1.00, 1.001, 0.001, "pass", 0),
        (0.80, 1.001, 0.001, "pass", 0),
        (1.04, 1.001, 0.001, "pass", 0),
        (1.05, 1.001, 0.001, "inconclusive", 3),
        (1.10, 1.001, 0.05, "inconclusive", 3),  # the repeats reach below the margin
        (1.10, 1.006, 0.001, "environment unfit", 5),
        (1.00, 0.990, 0.001, "environment unfit", 5),
    ],
)
def test_the_margin_the_repeats_and_the_control_decide(
    candidate: float, control: float, spread: float, outcome: str, code: int
) -> None:
    found = gate(candidate, control, spread=spread)
    assert (found.outcome, found.exit_code, found.cells[0].repeats) == (outcome, code, 3)
    assert found.control == ("fails" if outcome == "environment unfit" else "holds")


@given(ratios, spreads, st.floats(0.01, 0.5), ratios)
def test_a_regression_is_over_the_margin_with_every_repeat_and_a_pass_under_it(
    ratio: float, spread: float, margin: float, control: float
) -> None:
    low, high = ratio * (1 - spread), ratio * (1 + spread)
    outcome, _ = decided(ratio, low, high, margin, control)
    assert (outcome == "environment unfit") == (abs(control - 1) > CONTROL)
    assert outcome != "regression" or low > 1 + margin
    assert outcome != "pass" or high < 1 + margin


@pytest.mark.parametrize("case", [1, 2, 3])
def test_an_invalid_count_of_any_of_the_three_is_no_pass(case: int) -> None:
    rows = [row(number, 1e6) for number in (1, 2, 3)]
    rows[case - 1] = row(case, 1e6, status="invalid", reason="3 lost")
    found = gate(rows=rows)
    assert (found.outcome, found.exit_code) == ("invalid", 6)
    assert "invalid in round 1: 3 lost" in found.cells[0].reason


@pytest.mark.parametrize("case", [4, 5, 6])
def test_a_cell_that_was_not_counted_is_missing_and_outranks_a_regression(case: int) -> None:
    rows = [row(number, 1.1e6 if number == 2 else 1e6) for number in range(1, 7)]
    found = gate(rows=[one for one in rows if one["case"] != case], cells=2)
    assert [cell.outcome for cell in found.cells] == ["regression", "missing"]
    assert (found.outcome, found.exit_code) == ("missing", 6)


def test_every_outcome_says_that_it_is_work_and_no_time() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    rows = [row(number, 1e6) for number in (1, 2, 3)]
    made = [
        gate(1.1),
        gate(1.0),
        gate(1.05),
        gate(1.0, 1.1),
        gate(rows=[*rows[:2], row(3, 1e6, status="invalid", reason="lost | <3>")]),
        gate(rows=[]),
    ]
    assert {one.outcome for one in made} == set(EXIT_CODES)
    for one in made:
        told = json.loads(report.as_json(one, FACTS))
        jsonschema.validate(told, schema)
        assert (told["meter"], told["cells"][0]["slow_down_at_most"]) == ("instructions", None)
        suite = ET.fromstring(report.as_junit(one))
        meter = suite.find(".//property")
        assert meter is not None
        assert meter.get("value") == "instructions"
        case = suite.find(".//testcase")
        assert case is not None
        for text in ("".join(case.itertext()), report.as_markdown(one)):
            assert "how much work, not how long" in text
        assert "more time" not in report.sentence(one)
