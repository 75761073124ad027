"""The cases of one run against a reference, paired within rounds, with intervals that hold together. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import alike
from bench.cell import Cell
from bench.contrast.cases import Stored, cases_of, named
from bench.errors import UnknownNameError, UsageError
from bench.sides import GUARANTEES
from bench.stats.effects import FEWEST_ROUNDS
from bench.stats.intervals import CONFIDENCE
from bench.stats.rounds import round_effect
from bench.stats.signflip import rounds_to_reject
from bench.stats.verdicts import ALPHA, Verdict, verdicts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from bench.contrast.cases import Row


def within(
    rows: Sequence[Row],
    slices: Iterable[Row],
    *,
    reference: str | None = None,
    allowed: Collection[str] = (),
    seed: int = 0,
) -> list[Cell]:
    """Every case against the reference of its scenario point, paired within rounds, with intervals that hold
    together (Bonferroni's, as in :func:`bench.stats.multiplicity.simultaneous_intervals`).

    The reference is the first valid case, or the one that all words of ``reference`` name: a client, a loop,
    a point or the number of a case. Where each point has one case alone, the points of a scenario are
    compared with each other. Raises ComparisonRefusedError where a group differs in a guarantee.
    """
    alike.check_names(allowed, GUARANTEES)
    pairs = [
        (base, candidate)
        for group in _groups(cases_of(rows))
        for base, candidate in _against(group, reference, allowed)
    ]
    if not pairs:
        raise UsageError("there is nothing to compare: the run has one case a point and one point a scenario")
    rates = _slice_rates(slices)
    effects = {(base.number, candidate.number): _effects(base, candidate, rates) for base, candidate in pairs}
    asked = max(1, sum(len(one) >= FEWEST_ROUNDS for one in effects.values()))
    confidence = 1 - (1 - CONFIDENCE) / asked
    judged = verdicts(
        {pair: list(one.values()) for pair, one in effects.items()}, confidence=confidence, seed=seed
    )
    return [
        _paired_cell(base, candidate, judged[key], list(effects[key]), asked)
        for base, candidate in pairs
        for key in [(base.number, candidate.number)]
    ]


def _groups(cases: Sequence[Stored]) -> list[list[Stored]]:
    points: dict[tuple[Any, ...], list[Stored]] = {}
    for case in cases:
        points.setdefault((case.first["scenario"], case.first["point"]), []).append(case)
    if any(len(group) > 1 for group in points.values()):
        return list(points.values())
    whole: dict[Any, list[Stored]] = {}
    for case in cases:
        whole.setdefault(case.first["scenario"], []).append(case)
    return list(whole.values())


def _against(
    group: Sequence[Stored], reference: str | None, allowed: Collection[str]
) -> Iterator[tuple[Stored, Stored]]:
    if len(group) < 2:
        return
    alike.refuse(f"the cases of {group[0].place}", alike.guarantees(case.first for case in group), allowed)
    base = _reference(group, reference)
    for case in group:
        if case is not base:
            yield base, case


def _reference(group: Sequence[Stored], wanted: str | None) -> Stored:
    if wanted is None:
        return next((case for case in group if case.wrong is None), group[0])
    for case in group:
        if set(wanted.split()) <= _words(case):
            return case
    known = sorted({word for case in group for word in _words(case)})
    raise UnknownNameError(f"case of {group[0].place} with the words", wanted, known)


def _words(case: Stored) -> set[str]:
    row = case.first
    words = {str(case.number), case.client, str(row["client"]), str(row["loop"])}
    return words | set(str(row["point"] or "").split()) | {str(row.get("client_version") or "")} - {""}


def _slice_rates(slices: Iterable[Row]) -> dict[tuple[int, int, Any], list[float]]:
    """The rates of a case's slices in a round and block, in their order."""
    found: dict[tuple[int, int, Any], list[tuple[int, float]]] = {}
    for row in slices:
        if row.get("rate_per_s"):
            key = (row["case"], row["round"], row.get("block"))
            found.setdefault(key, []).append((row["slice"], float(row["rate_per_s"])))
    return {key: [rate for _, rate in sorted(values)] for key, values in found.items()}


def _effects(
    base: Stored, candidate: Stored, rates: Mapping[tuple[int, int, Any], list[float]]
) -> dict[int, float]:
    """The effect of each round in which both were valid and took turns in one block."""
    met = [{(row["round"], row.get("block")) for row in case.valid} for case in (base, candidate)]
    found: dict[int, float] = {}
    for number, block in sorted(met[0] & met[1], key=str):
        first = rates.get((base.number, number, block), [])
        second = rates.get((candidate.number, number, block), [])
        if first and len(first) == len(second):
            found[number] = round_effect(first, second)
    return found


def _paired_cell(base: Stored, candidate: Stored, judged: Verdict, rounds: Sequence[int], asked: int) -> Cell:
    outcome, reason = base.wrong or candidate.wrong or (judged.outcome, judged.reason)
    needed = rounds_to_reject(ALPHA / asked)
    if outcome == "inconclusive" and not rounds:
        reason = "they never took turns in one block: name a reference that did, with --reference"
    elif outcome == "inconclusive" and len(rounds) < needed:
        among = f" among {asked} cells" if asked > 1 else ""
        reason = f"needs at least {needed} rounds to be sure{among}, has {len(rounds)}"
    effect = judged.effect
    ratio = effect.ratio if effect else None
    return Cell(
        base_case=base.number,
        candidate_case=candidate.number,
        **named(base, candidate),
        outcome=outcome,
        reason=reason,
        rounds=len(rounds),
        ratio=ratio.estimate if ratio else None,
        ratio_low=ratio.low if ratio else None,
        ratio_high=ratio.high if ratio else None,
        detectable=effect.detectable(ALPHA / asked) if effect and len(rounds) >= needed else None,
        p=judged.p,
        base_rate_per_s=base.rate_per_s(rounds),
        candidate_rate_per_s=candidate.rate_per_s(rounds),
    )
