"""The matrix, clients by loops for each scenario point, as a table whose cells are the darker the faster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.html.source import place
from bench.report.terminal import client_label, rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report.html.source import Digest
    from bench.report.summary import CaseSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCell:
    """``share`` is of the fastest of the scenario point, from 0 to 1; None where there is no rate."""

    case: CaseSummary
    rate: str
    interval: str
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """One scenario point: for each client, as asked for and as shown, a cell for each loop."""

    place: str
    scenario: str
    lines: Sequence[tuple[str, str, Sequence[HeatCell | None]]]


def loops(digest: Digest) -> list[str]:
    return list(dict.fromkeys(case.loop for case in digest.cases))


def heats(digest: Digest) -> list[Heat]:
    places: dict[str, list[CaseSummary]] = {}
    for case in digest.cases:
        places.setdefault(place(case), []).append(case)
    return [_heat(name, members, loops(digest)) for name, members in places.items()]


def _heat(name: str, members: Sequence[CaseSummary], names: Sequence[str]) -> Heat:
    best = max(case.rate_per_s or 0 for case in members)
    cells = {(case.client, case.loop): _cell(case, best) for case in members}
    # A case that was skipped has no version, another of the same client may.
    known = {case.client: client_label(case) for case in members}
    known |= {case.client: client_label(case) for case in members if case.client_version}
    return Heat(
        place=name,
        scenario=members[0].scenario,
        lines=[
            (client, shown, [cells.get((client, loop)) for loop in names]) for client, shown in known.items()
        ],
    )


def _cell(case: CaseSummary, best: float) -> HeatCell:
    shown, _, interval = rate(case).partition(" [")
    return HeatCell(
        case=case,
        rate=shown,
        interval=interval and f"[{interval}",
        share=case.rate_per_s / best if case.rate_per_s and best else None,
    )
