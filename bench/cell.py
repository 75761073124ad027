"""One judged comparison of two cases: what comparison.csv has a row of, and is read back into. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Pair: TypeAlias = tuple[int, int]
Outcome = Literal["faster", "slower", "no difference", "inconclusive", "invalid", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A row of comparison.csv. Figures are of the rounds in which both sides were valid; None without them.

    ``base`` and ``candidate`` name the sides with their versions, ``place`` says what they share.
    """

    base_case: int
    candidate_case: int
    place: str
    base: str
    candidate: str
    outcome: Outcome
    reason: str
    rounds: int
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    detectable: float | None
    p: float | None
    base_rate_per_s: float | None
    candidate_rate_per_s: float | None

    @property
    def decided(self) -> bool:
        return self.outcome in ("faster", "slower", "no difference")

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """A row as it was stored; text that is empty is stored as nothing."""
        texts = {"place", "base", "candidate", "reason"}
        given: dict[str, Any] = {field.name: row.get(field.name) for field in fields(cls)}
        given |= {name: given[name] or "" for name in texts}
        return cls(**given)


def client_name(asked: str) -> str:
    """The name in a requirement, or of an adapter file."""
    if asked.endswith(".py"):
        return PurePath(asked).stem
    match = re.match(r"[A-Za-z0-9._-]+", asked)
    return match[0] if match else asked


def versioned(name: str, version: str | None) -> str:
    return f"{name} {version}" if version else name


def also_differ(rows: Iterable[Mapping[str, Any]], pair: Pair) -> tuple[str, str] | None:
    """The dependencies, with their versions, that only one side has; None where both have the same."""
    found: dict[int, set[str]] = {case: set() for case in pair}
    for row in rows:
        if row["case"] in found:
            found[row["case"]].update(str(row.get("client_requires") or "").split())
    base, candidate = found[pair[0]], found[pair[1]]
    if base == candidate:
        return None
    return " ".join(sorted(base - candidate)), " ".join(sorted(candidate - base))
