"""A case as a run has it: its rows, its name in words, and its rate. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, TypeAlias

from bench.cell import Outcome, client_name, versioned

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

Row: TypeAlias = "Mapping[str, Any]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A case as a run has it: ``rows`` of trials.csv, the first of them for what is the same in all."""

    number: int
    rows: tuple[Row, ...]

    @property
    def first(self) -> Row:
        return self.rows[0]

    @property
    def valid(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row["status"] == "valid" and row["rate_per_s"])

    @property
    def wrong(self) -> tuple[Outcome, str] | None:
        """Why no verdict may be given, whatever the valid rounds say."""
        for row in self.rows:
            if row["status"] == "skipped":
                return "skipped", str(row["reason"])
            if row["status"] != "valid":
                return "invalid", f"{self.label} was invalid in round {row['round']}: {row['reason']}"
        return None

    @property
    def client(self) -> str:
        return client_name(str(self.first["client"]))

    @property
    def label(self) -> str:
        loop = client_name(str(self.first["loop"]))
        return f"{versioned(self.client, self.first.get('client_version'))} on {loop}"

    @property
    def place(self) -> str:
        return " ".join(str(word) for word in (self.first["scenario"], self.first["point"]) if word)

    def logs(self, rounds: Collection[int] | None = None) -> list[float]:
        """The logarithm of the rate of each round; a reference's blocks are one round together."""
        found: dict[int, list[float]] = {}
        for row in self.valid:
            if rounds is None or row["round"] in rounds:
                found.setdefault(row["round"], []).append(math.log(row["rate_per_s"]))
        return [fmean(logs) for logs in found.values()]

    def rate_per_s(self, rounds: Collection[int] | None = None) -> float | None:
        logs = self.logs(rounds)
        return math.exp(fmean(logs)) if logs else None


def cases_of(rows: Iterable[Row]) -> list[Stored]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        if row.get("case") is not None:
            found.setdefault(int(row["case"]), []).append(row)
    return [Stored(number=number, rows=tuple(found[number])) for number in sorted(found)]


def named(base: Stored, candidate: Stored) -> dict[str, str]:
    """What both share, and what each is besides."""
    if base.place == candidate.place:
        return {"place": base.place, "base": base.label, "candidate": candidate.label}
    scenario = str(base.first["scenario"])
    points = [str(case.first["point"] or "") for case in (base, candidate)]
    if base.label == candidate.label:
        return {"place": f"{scenario} with {base.label}", "base": points[0], "candidate": points[1]}
    return {
        "place": scenario,
        "base": f"{base.label}, {points[0]}",
        "candidate": f"{candidate.label}, {points[1]}",
    }
