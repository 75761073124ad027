"""One run against another, cell by cell, rounds of one against rounds of the other: advisory. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench import alike
from bench.cell import Cell, Outcome, client_name
from bench.contrast.cases import Stored, cases_of, named
from bench.errors import UsageError
from bench.stats.effects import FEWEST_ROUNDS
from bench.stats.intervals import CONFIDENCE
from bench.stats.multiplicity import holm
from bench.stats.unpaired import Unpaired, unpaired
from bench.stats.verdicts import ALPHA, LEAST_EFFECT, MARGIN, percent

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bench.contrast.cases import Row


FEWEST_UNPAIRED = 3


def across(
    base: tuple[Mapping[str, Any], Sequence[Row]],
    candidate: tuple[Mapping[str, Any], Sequence[Row]],
    *,
    allowed: Collection[str] = (),
) -> list[Cell]:
    """The same cells of two runs (facts and rows of each), rounds of one against rounds of the other.

    Raises ComparisonRefusedError, with every differing field, unless fingerprints, workloads and guarantees
    agree or are allowed by name; UsageError where the runs have no cell in common.
    """
    alike.check_names(allowed)
    pairs = _matched(cases_of(base[1]), cases_of(candidate[1]))
    found = alike.machines(base[0], candidate[0])
    for one, other in pairs:
        found |= alike.workloads(one.first, other.first)
    alike.refuse("the runs", found, allowed)
    measured = {
        index: (one.logs(), other.logs())
        for index, (one, other) in enumerate(pairs)
        if min(len(one.logs()), len(other.logs())) >= FEWEST_ROUNDS
    }
    asked = max(1, len(measured))
    confidence = 1 - (1 - CONFIDENCE) / asked
    told = {index: unpaired(*both, confidence) for index, both in measured.items()}
    chances = holm({index: one.p for index, one in told.items()}) if told else {}
    return [
        _unpaired_cell(one, other, told.get(index), chances.get(index), asked)
        for index, (one, other) in enumerate(pairs)
    ]


def _matched(base: Sequence[Stored], candidate: Sequence[Stored]) -> list[tuple[Stored, Stored]]:
    """Pairs of the same scenario, point, client and loop; of single cases, whatever they are."""
    if len(base) == len(candidate) == 1:
        return [(base[0], candidate[0])]
    theirs = {_key(case): case for case in candidate}
    pairs = [(case, theirs[_key(case)]) for case in base if _key(case) in theirs]
    if not pairs:
        one, other = (
            ", ".join(f"{case.place} {case.label}" for case in cases[:3]) for cases in (base, candidate)
        )
        raise UsageError(
            f"the runs have no cell in common: one has {one or 'none'}, the other {other or 'none'}"
        )
    return pairs


def _key(case: Stored) -> tuple[Any, ...]:
    row = case.first
    return (row["scenario"], row["point"], case.client, client_name(str(row["loop"])), row["python_version"])


def _unpaired_cell(
    base: Stored, candidate: Stored, told: Unpaired | None, p: float | None, asked: int
) -> Cell:
    rounds = min(len(base.logs()), len(candidate.logs()))
    outcome, reason = base.wrong or candidate.wrong or _judged(told, p, rounds)
    words = named(base, candidate)
    if words["base"] == words["candidate"]:
        words |= {
            side: f"{words[side]}, {run} run" for side, run in (("base", "first"), ("candidate", "second"))
        }
    ratio = told.difference if told else None
    return Cell(
        base_case=base.number,
        candidate_case=candidate.number,
        **words,
        outcome=outcome,
        reason=reason,
        rounds=rounds,
        ratio=math.exp(ratio.estimate) if ratio else None,
        ratio_low=math.exp(ratio.low) if ratio else None,
        ratio_high=math.exp(ratio.high) if ratio else None,
        detectable=math.expm1(told.detectable(ALPHA / asked)) if told and rounds >= FEWEST_UNPAIRED else None,
        p=p,
        base_rate_per_s=base.rate_per_s(),
        candidate_rate_per_s=candidate.rate_per_s(),
    )


def _judged(told: Unpaired | None, p: float | None, rounds: int) -> tuple[Outcome, str]:
    if told is None or p is None or rounds < FEWEST_UNPAIRED:
        return "inconclusive", f"needs at least {FEWEST_UNPAIRED} valid rounds of each run, has {rounds}"
    difference = told.difference
    mean = difference.estimate
    if p < ALPHA and not difference.contains(0.0) and abs(mean) >= math.log1p(LEAST_EFFECT):
        return ("faster" if mean > 0 else "slower"), f"{percent(mean)}, p = {p:.2g}"
    span, reach = f"{percent(difference.low)} to {percent(difference.high)}", math.log1p(MARGIN)
    if -reach < difference.low and difference.high < reach:
        return "no difference", f"the whole interval, {span}, lies within {100 * MARGIN:g} %"
    return "inconclusive", f"the interval, {span}, says neither a difference nor that there is none"
