"""From the stored rows of a run to the answer of its question: a table, its data and a sentence. Pure.

run.json says under ``question`` what was asked, so that a stored run answers again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bench.report.grid import Page
from bench.report.summary import csv_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.report.grid import Grid
    from bench.schema import Column

    Rows = Sequence[Mapping[str, Any]]

KINDS = ("sweep", "tune", "capacity", "soak")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``rows`` are those of the question's own CSV, with ``columns``; ``shown`` is the table for people.
    ``settled``: the question has an answer. ``beware``: the cases whose warnings a reader of the answer must
    know; None: all of them. ``failed``: the answer is one that should fail a build.
    """

    kind: str
    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]
    shown: Grid
    sentences: Sequence[str]
    settled: bool
    beware: frozenset[int] | None = None
    failed: bool = False

    @property
    def file_name(self) -> str:
        return f"{self.kind}.csv"

    def page(self) -> Page:
        """The table; what to beware of and the sentences are put after it."""
        told = Page()
        told.table(self.shown)
        return told

    def as_json(self) -> str:
        facts = {name: getattr(self, name) for name in ("kind", "settled", "sentences", "rows")}
        return json.dumps(facts, indent=2, ensure_ascii=False)

    def as_csv(self) -> str:
        return csv_of([dict(row) for row in self.rows], [column.name for column in self.columns])


def stored_answer(facts: Mapping[str, Any], rows: Rows, slices: Rows) -> Answer | None:
    """The answer of a stored run with these ``facts`` in its run.json and these rows of its trials.csv and
    slices.csv; None where it has no question, or one that is not known here.
    """
    question = facts.get("question")
    if question is None or question.get("kind") not in KINDS:
        return None
    answer: Answer = import_module(f"bench.answers.{question['kind']}").answer(question, rows, slices)
    return answer
