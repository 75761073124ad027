"""What the commands that answer a question do between their options and their output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import results
from bench.answers import stored_answer

if TYPE_CHECKING:
    from pathlib import Path

    from bench.answers import Answer
    from bench.runner import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    folder: Path
    outcome: Outcome
    answer: Answer


def concluded(folder: Path, outcome: Outcome) -> Finished:
    """The answer of a run that is over, with its CSV written: the last that a run folder gets."""
    stored = results.load(folder)
    answer = stored_answer(stored.facts, stored.rows, results.read_table(folder / results.SLICES))
    assert answer is not None
    results.write_table(folder / answer.file_name, answer.columns, answer.rows)
    return Finished(folder=folder, outcome=outcome, answer=answer)
