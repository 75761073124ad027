"""What a gate of several cells comes to, and with which exit code it ends."""

from __future__ import annotations

from itertools import combinations

import pytest

from bench.errors import ComparisonRefusedError, MissingCellError
from bench.gate import EXIT_CODES, GateCell, Outcome, worst

WORST_FIRST: tuple[Outcome, ...] = (
    "invalid",
    "missing",
    "regression",
    "environment unfit",
    "inconclusive",
    "pass",
)


def cell(outcome: Outcome) -> GateCell:
    return GateCell(
        place="", base="", candidate="", outcome=outcome, reason="", margin=0.05, stage=1, rounds=8
    )


@pytest.mark.parametrize(("worse", "better"), list(combinations(WORST_FIRST, 2)))
def test_the_worst_cell_decides(worse: Outcome, better: Outcome) -> None:
    assert worst([cell(better), cell(worse)]) == worse


def test_a_gate_without_cells_is_no_pass() -> None:
    with pytest.raises(ValueError, match="decides nothing"):
        worst([])


def test_each_outcome_has_the_exit_code_that_the_documents_give_it() -> None:
    assert [EXIT_CODES[outcome] for outcome in WORST_FIRST] == [6, 6, 1, 5, 3, 0]
    assert (ComparisonRefusedError.exit_code, MissingCellError.exit_code) == (4, 6)
