"""A gate from stored rows: two stages that never mix, a control, and cells that must not pass unmeasured."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import numpy as np
import pandas as pd
import pytest

from bench.gate import EXIT_CODES, Design, Trio
from bench.gate.timed import disturbed, first_stage, judged
from bench.report import gate as report
from bench.report.grid import escaped
from bench.schema import SLICE_COLUMNS, TRIAL_COLUMNS

FIRST, SECOND = 6, 10
FACTS = {"gate": {"base": "memory", "candidate": "slow.py"}, "seed": 1, "mqbench_version": "0.1.0"}
SCHEMA = Path(report.__file__).with_name("check.schema.json")


def rows(
    effects: Sequence[tuple[int, float, float]], *, cell: int = 1, control: float = 0.0, seed: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rounds of one cell; each has its number, the candidate's log ratio and its spread."""
    random = np.random.default_rng(seed)
    trials, slices = [], []
    for number, effect, spread in effects:
        for arm, shift in enumerate((0.0, effect, control)):
            noise = 0.0 if arm == 0 else float(random.normal(0, spread))
            case, rate = 3 * (cell - 1) + arm + 1, 1000 * math.exp(shift + noise)
            trial = dict.fromkeys((column.name for column in TRIAL_COLUMNS), np.nan)
            trials.append(
                trial
                | {"case": case, "round": number, "status": "valid", "scenario": f"cell{cell}"}
                | {"client": "memory", "client_version": "1", "loop": "asyncio", "rate_per_s": rate}
            )
            slice_ = dict.fromkeys((column.name for column in SLICE_COLUMNS), np.nan)
            slices.append(slice_ | {"case": case, "round": number, "slice": 0, "rate_per_s": rate})
    return pd.DataFrame(trials), pd.DataFrame(slices)


def rounds(effect: float, first: int = FIRST, last: int = SECOND, spread: float = 0.005) -> list:  # type: ignore[type-arg]
    return [(number, effect, spread) for number in range(1, first + last + 1)]


def design(second: Sequence[int] = (1,), cells: int = 1) -> Design:
    trios = (
        Trio(base=3 * place + 1, candidate=3 * place + 2, control=3 * place + 3, margin=0.05)
        for place in range(cells)
    )
    return Design(
        base="memory",
        candidate="slow.py",
        trios=tuple(trios),
        first=FIRST,
        second=SECOND if second else 0,
        second_cells=tuple(second),
    )


def test_slower_in_both_stages_is_a_regression() -> None:
    gate = judged(design(), *rows(rounds(-0.10)))
    (cell,) = gate.cells
    assert (gate.outcome, gate.exit_code, cell.stage, cell.rounds) == ("regression", 1, 2, SECOND)
    assert cell.ratio == pytest.approx(math.exp(-0.10), abs=0.01)
    assert re.search(r"Regression: .* takes 10\.\d % \[.*\] more time per message at", report.sentence(gate))


def test_a_first_stage_that_finds_slower_is_no_regression_where_fresh_rounds_do_not() -> None:
    numbers = [(n, -0.10 if n <= FIRST else 0.0, 0.005) for n in range(1, FIRST + SECOND + 1)]
    gate = judged(design(), *rows(numbers))
    assert (gate.outcome, gate.cells[0].rounds) == ("pass", SECOND)


def test_a_flagged_cell_without_its_second_stage_is_inconclusive() -> None:
    trials, slices = rows(rounds(-0.10, last=0))
    assert first_stage(design(()), trials, slices).flagged == (1,)
    gate = judged(design(()), trials, slices)
    assert (gate.outcome, gate.exit_code) == ("inconclusive", 3)


def test_what_the_first_stage_passes_needs_no_second() -> None:
    trials, slices = rows(rounds(0.0, last=0))
    found = first_stage(design(()), trials, slices)
    assert (found.flagged, found.undecided) == ((), ())
    gate = judged(design(()), trials, slices)
    assert (gate.outcome, gate.cells[0].stage, gate.cells[0].rounds) == ("pass", 1, FIRST)


def test_a_base_that_differs_from_itself_makes_the_environment_unfit() -> None:
    trials, slices = rows(rounds(-0.10), control=-0.08)
    trials["steal_share"] = 0.2
    gate = judged(design(), trials, slices)
    assert (gate.outcome, gate.exit_code, gate.control) == ("environment unfit", 5, "fails")
    assert "the hypervisor took up to 20 % of the time" in report.as_markdown(gate)


@pytest.mark.parametrize("case", [1, 2, 3])
def test_an_invalid_round_of_any_of_the_three_is_no_pass(case: int) -> None:
    trials, slices = rows(rounds(0.0, last=0))
    trials["reason"] = trials["reason"].astype("string")
    trials.loc[(trials["case"] == case) & (trials["round"] == 2), ["status", "reason"]] = [
        "invalid",
        "3 lost",
    ]
    gate = judged(design(()), trials, slices)
    assert (gate.outcome, gate.exit_code) == ("invalid", 6)
    assert "invalid in round 2: 3 lost" in gate.cells[0].reason


@pytest.mark.parametrize("cases", [(4, 5, 6), (4,), (5,), (6,)])
def test_a_cell_without_rows_is_missing_and_outranks_a_regression(cases: tuple[int, ...]) -> None:
    first, second = rows(rounds(-0.10)), rows(rounds(0.0, last=0), cell=2)
    trials, slices = (pd.concat(both, ignore_index=True) for both in zip(first, second, strict=True))
    gate = judged(design((1,), cells=2), trials[~trials["case"].isin(cases)], slices)
    assert [cell.outcome for cell in gate.cells] == ["regression", "missing"]
    assert (gate.outcome, gate.exit_code) == ("missing", 6)


def test_a_design_survives_its_way_through_run_json() -> None:
    whole = design((1, 2), cells=2)
    assert Design.from_json(json.loads(json.dumps(whole.to_json()))) == whole


def test_a_quiet_machine_is_not_called_disturbed() -> None:
    trials, _ = rows(rounds(0.0))
    assert disturbed(trials) == ""


def test_every_outcome_has_a_sentence_and_each_file_its_form() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert set(schema["$defs"]["outcome"]["enum"]) == set(EXIT_CODES)
    trials, slices = rows(rounds(-0.10))
    broken = trials.assign(status="invalid", reason="lost \x00 | <3>")
    made = [
        judged(design(), trials, slices),
        judged(design(()), *rows(rounds(0.0, last=0))),
        judged(design(()), *rows(rounds(0.0, last=0, spread=0.2))),
        judged(design(), *rows(rounds(-0.10), control=-0.08)),
        judged(design(()), broken, slices),
        judged(design(()), trials.iloc[:0], slices.iloc[:0]),
    ]
    assert {gate.outcome for gate in made} == set(EXIT_CODES)
    for gate in made:
        jsonschema.validate(json.loads(report.as_json(gate, FACTS)), schema)
        suite = ET.fromstring(report.as_junit(gate))
        assert len(suite.findall(".//testcase")) == 1
        failed = len([*suite.findall(".//failure"), *suite.findall(".//error")])
        assert failed == (gate.outcome != "pass")
        assert escaped(report.sentence(gate)) in report.as_markdown(gate)
        grid = [line for line in report.as_markdown(gate).splitlines() if line.startswith("|")]
        assert len({line.replace("\\|", "").count("|") for line in grid}) == 1
