"""From the stored rows of instruction mode to what each case takes, and to one judged cell a pair. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from bench import naming

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.sides import Arms

    Rows = Sequence[Mapping[str, Any]]

Outcome = Literal["more work", "less work", "same work", "inconclusive", "invalid", "skipped"]

MARGIN = 0.005
"""Two sides whose medians are this near, and repeats twice this, are the same work (METHOD.md has why)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWork:
    """Instructions a message of one case over its valid rounds: the median, and all repeats' extremes.

    ``versus`` is over the first valid case of the same scenario point.
    """

    case: int
    status: str
    reason: str
    scenario: str
    point: str
    client: str
    client_version: str
    loop: str
    meter: str
    repeats: int
    received: int
    instructions_per_message: float | None
    instructions_low_per_message: float | None
    instructions_high_per_message: float | None
    versus: float | None

    @property
    def spread(self) -> float | None:
        """How far the repeats are apart, as a share of the median."""
        if not self.instructions_per_message:
            return None
        assert self.instructions_high_per_message is not None
        assert self.instructions_low_per_message is not None
        apart = self.instructions_high_per_message - self.instructions_low_per_message
        return apart / self.instructions_per_message


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkCell:
    """A row of work.csv; all repeats of one side over those of the other are in the ratio's range."""

    base_case: int
    candidate_case: int
    place: str
    base: str
    candidate: str
    outcome: Outcome
    reason: str
    repeats: int
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    base_instructions_per_message: float | None
    candidate_instructions_per_message: float | None

    @property
    def decided(self) -> bool:
        return self.outcome in ("more work", "less work", "same work")


def summarise(rows: Iterable[Mapping[str, Any]]) -> list[CaseWork]:
    """One a case, in the order of their numbers, from the rows of trials.csv."""
    cases: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["case"] is not None:
            cases.setdefault(int(row["case"]), []).append(row)
    references: dict[tuple[object, object], float] = {}
    return [_case(number, cases[number], references) for number in sorted(cases)]


def _case(number: int, rows: Rows, references: dict[tuple[object, object], float]) -> CaseWork:
    valid = [row for row in rows if row["status"] == "valid" and row["instructions_per_message"]]
    wrong = [row for row in rows if row["status"] != "valid"]
    first = (wrong or rows)[0]
    middle, low, high = _figures(valid)
    place = (first["scenario"], first["point"])
    reference = references.setdefault(place, middle) if middle else None
    names = ("scenario", "point", "client", "client_version", "loop", "meter")
    return CaseWork(
        case=number,
        status=str(first["status"]),
        reason=str(first["reason"] or "") if wrong else "",
        **{name: str(first.get(name) or "") for name in names},
        repeats=sum(int(row["instructions_repeats"]) for row in valid),
        received=sum(int(row["received"] or 0) for row in rows),
        instructions_per_message=middle,
        instructions_low_per_message=low,
        instructions_high_per_message=high,
        versus=middle / reference if middle and reference else None,
    )


def compare(arms: Arms, rows: Rows, *, margin: float = MARGIN) -> list[WorkCell]:
    """One cell a pair, in order."""
    return [_cell(arms, rows, pair, margin) for pair in arms.pairs]


def _cell(arms: Arms, rows: Rows, pair: tuple[int, int], margin: float) -> WorkCell:
    sides = [[row for row in rows if row["case"] == number] for number in pair]
    firsts = [side[0] if side else None for side in sides]
    base, candidate = naming.sides(arms, firsts[0], firsts[1])
    (middle, low, high), (other, lower, higher) = (
        _figures([row for row in side if row["status"] == "valid"]) for side in sides
    )
    ratio = ratio_low = ratio_high = None
    if middle and low and high and other and lower and higher:
        ratio, ratio_low, ratio_high = other / middle, lower / high, higher / low
    wrong = unsound({"base": sides[0], "candidate": sides[1]})
    outcome, reason = wrong or judged(ratio, ratio_low, ratio_high, margin)
    return WorkCell(
        base_case=pair[0],
        candidate_case=pair[1],
        place=naming.place(arms.differ, firsts[0]),
        base=base,
        candidate=candidate,
        outcome=outcome,
        reason=reason,
        repeats=min(sum(int(row["instructions_repeats"] or 0) for row in side) for side in sides),
        ratio=ratio,
        ratio_low=ratio_low,
        ratio_high=ratio_high,
        base_instructions_per_message=middle,
        candidate_instructions_per_message=other,
    )


def judged(
    ratio: float | None, low: float | None, high: float | None, margin: float = MARGIN
) -> tuple[Outcome, str]:
    """The outcome of a ratio whose repeats reach from ``low`` to ``high``, and the figures that led there."""
    if ratio is None or low is None or high is None:
        return "inconclusive", "nothing was counted"
    if not 0 < low <= ratio <= high:
        raise ValueError(f"no ratio with its extremes: {low}, {ratio}, {high}")
    reach = f"the repeats reach from {signed(low - 1)} to {signed(high - 1)}"
    if low > 1 and ratio > 1 + margin:
        return "more work", reach
    if high < 1 and ratio < 1 - margin:
        return "less work", reach
    if abs(ratio - 1) <= margin and max(high - 1, 1 - low) <= 2 * margin:
        return "same work", f"{signed(ratio - 1)}, and {reach}"
    return "inconclusive", f"{signed(ratio - 1)} at the median, and {reach}"


def signed(share: float) -> str:
    return f"{100 * share:+.2f} %"


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _figures(rows: Rows) -> tuple[float | None, float | None, float | None]:
    if not rows:
        return None, None, None
    return (
        median(float(row["instructions_per_message"]) for row in rows),
        min(float(row["instructions_low_per_message"]) for row in rows),
        max(float(row["instructions_high_per_message"]) for row in rows),
    )


def unsound(sides: Mapping[str, Rows]) -> tuple[Outcome, str] | None:
    """Why no verdict may be given, whatever the valid rounds say; None if one may. Sides are by name."""
    for name, rows in sides.items():
        if not rows:
            return "invalid", f"the {name} was not measured"
        wrong = next((row for row in rows if row["status"] != "valid"), None)
        if wrong is not None and wrong["status"] == "skipped":
            return "skipped", str(wrong["reason"])
        if wrong is not None:
            return "invalid", f"the {name} was invalid in round {wrong['round']}: {wrong['reason']}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A function whose part of a message grew, in its language's unit; ``share`` is of the base's whole."""

    language: str
    function: str
    base: float
    candidate: float
    share: float


def grown(profile: Rows, pair: tuple[int, int], *, least: float = 0.001, most: int = 12) -> list[Growth]:
    """The functions in which a message of the candidate has more than of the base, the most first.

    ``profile`` are the rows of profile.csv; what grew by less than ``least`` of the base's whole is left out.
    """
    found: list[Growth] = []
    for language in ("Python", "C"):
        base, candidate = (
            {
                str(row["function"]): float(row["per_message"])
                for row in profile
                if row["case"] == number and row["language"] == language
            }
            for number in pair
        )
        whole = sum(base.values())
        if not whole:
            continue
        grew = [
            Growth(
                language=language,
                function=name,
                base=base.get(name, 0.0),
                candidate=count,
                share=(count - base.get(name, 0.0)) / whole,
            )
            for name, count in candidate.items()
        ]
        kept = sorted((one for one in grew if one.share >= least), key=lambda one: -one.share)
        found += kept[:most]
    return found
