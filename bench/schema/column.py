"""A column of a results file: its name, which has its unit, and what it means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a results file: what it holds, with its unit in the name."""

    name: str
    meaning: str


FEW = "empty with fewer than ten samples beyond it"
