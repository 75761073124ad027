"""The settings that a client needs: nearly all of its best rate at the lowest latency.

Three stages, each on rounds of its own, so that what is chosen by luck in one is not confirmed by the same:
``screen`` (the whole grid, shortly), ``final`` (at most six, taking turns), ``confirm`` (the chosen one, the
best and the scenario's own). Within a round every case is taken relative to one that had its turns between
the same others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.answers import Answer
from bench.answers.wording import latency, ms, per_s, percent, where, who
from bench.report.grid import Heading, Row, grid
from bench.report.summary import CaseSummary, summarise
from bench.report.terminal import rate
from bench.schema import TUNE_COLUMNS
from bench.stats.intervals import Interval, rate_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.answers import Rows

SETTINGS = ("prefetch", "in_flight", "ack_every")
SHARE = 0.95
"""How much of the best rate the answer has at least."""
MAYBE = 0.90
"""A setting with less than this of the best rate in the screening is not looked at again."""
MOST_FINALISTS = 6
_FIGURES = (*SETTINGS, "msg/s [95 % interval]", "of the best", "p50 ms", "p99 ms")
_HEADINGS = (
    Heading(name="stage"),
    *(Heading(name=name, number=True) for name in _FIGURES),
    Heading(name="chosen"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One setting in one stage. ``share`` is of the stage's best; None for the best itself."""

    case: CaseSummary
    settings: tuple[int, ...]
    relative: Mapping[int, float]
    share: Interval | None

    @property
    def level(self) -> float:
        """Its rate relative to the reference: the geometric mean over rounds."""
        return math.exp(sum(map(math.log, self.relative.values())) / len(self.relative))

    @property
    def order(self) -> tuple[float, ...]:
        """By latency, and of equals the smallest settings first."""
        return (self.case.latency_p50_us or math.inf, *self.settings)

    @property
    def words(self) -> str:
        return " ".join(f"{name}={value}" for name, value in zip(SETTINGS, self.settings, strict=True))


def tried(rows: Rows, cases: Sequence[int]) -> list[Tried]:
    """What the valid cases of a stage showed, by falling rate; the first is the best."""
    mine = [row for row in rows if row["case"] in cases]
    summaries = {case.case: case for case in summarise(mine)}
    levels = _relative([row for row in mine if row["status"] == "valid"])
    valid = {number: one for number, one in levels.items() if summaries[number].status == "valid"}
    if not valid:
        return []
    settings = {int(row["case"]): _settings(row) for row in mine}
    found = [
        Tried(case=summaries[number], settings=settings[number], relative=one, share=None)
        for number, one in valid.items()
    ]
    found.sort(key=lambda one: -one.level)
    return [found[0], *(_with_share(one, found[0]) for one in found[1:])]


def _relative(valid: Rows) -> dict[int, dict[int, float]]:
    """For each case its rate in each round over that of the round's reference, block by block."""
    found: dict[int, dict[int, float]] = {}
    rates = {
        (int(row["round"]), int(row["block"]), int(row["case"])): float(row["rate_per_s"]) for row in valid
    }
    references: dict[tuple[int, int], float] = {}
    for (number, block, _), one in sorted(rates.items()):  # the reference has the lowest number of a block
        references.setdefault((number, block), one)
    for (number, block, case), one in rates.items():
        found.setdefault(case, {})[number] = one / references[number, block]
    return found


def _settings(row: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(row[name]) for name in SETTINGS)


def _with_share(one: Tried, best: Tried) -> Tried:
    rounds = sorted(one.relative.keys() & best.relative.keys())
    ratios = [one.relative[number] / best.relative[number] for number in rounds]
    share = rate_interval(ratios) if len(ratios) > 1 else None
    return Tried(case=one.case, settings=one.settings, relative=one.relative, share=share)


def finalists(screened: Sequence[Tried]) -> list[Tried]:
    """The fastest, and of those that come near it the ones of the lowest latency; at most six."""
    best, *others = screened
    near = sorted((one for one in others if one.level >= MAYBE * best.level), key=lambda one: one.order)
    return [best, *near[: MOST_FINALISTS - 1]]


def chosen(final: Sequence[Tried]) -> Tried:
    """The lowest latency of those that surely have the share: the whole interval lies above it."""
    best, *others = final
    sure = [one for one in others if one.share is not None and one.share.low >= SHARE]
    return min((best, *sure), key=lambda one: one.order)


def answer(question: Mapping[str, Any], trials: Rows, _: Rows) -> Answer:
    stages = {str(stage["name"]): stage for stage in question["stages"]}
    rows: list[dict[str, Any]] = []
    shown: list[Row] = []
    by_stage = {name: tried(trials, stage["cases"]) for name, stage in stages.items()}
    for name, stage in stages.items():
        good = {one.case.case: one for one in by_stage[name]}
        picked = set(stage.get("chosen", ()))
        mine = [row for row in trials if row["case"] in stage["cases"]]
        settings = {int(row["case"]): _settings(row) for row in mine}
        for case in summarise(mine):
            told = (name, case, settings[case.case], good.get(case.case), case.case in picked)
            rows.append(_row(*told))
            if name != "screen" or case.case in picked or case.status != "valid":
                shown.append(Row(_shown(*told), wrong=case.status != "valid"))
    confirmed, said = _conclusion(stages, by_stage)
    return Answer(
        kind="tune",
        columns=TUNE_COLUMNS,
        rows=rows,
        shown=grid(_HEADINGS, shown),
        sentences=[said],
        settled=confirmed,
    )


def _row(
    stage: str, case: CaseSummary, settings: Sequence[int], good: Tried | None, picked: bool
) -> dict[str, Any]:
    share = good.share if good else None
    names = [column.name for column in TUNE_COLUMNS if hasattr(case, column.name)]
    return {
        "stage": stage,
        **{name: getattr(case, name) for name in names},
        **dict(zip(SETTINGS, settings, strict=True)),
        "share": share and share.estimate,
        "share_low": share and share.low,
        "share_high": share and share.high,
        "chosen": picked,
    }


def _shown(
    stage: str, case: CaseSummary, settings: Sequence[int], good: Tried | None, picked: bool
) -> tuple[str, ...]:
    note = "chosen" if picked and stage != "screen" else ""
    return (
        stage,
        *map(str, settings),
        rate(case),
        "" if good is None else _share(good.share),
        ms(case.latency_p50_us),
        ms(case.latency_p99_us),
        note if case.status == "valid" else f"{case.status}: {case.reason}",
    )


def _share(share: Interval | None) -> str:
    if share is None:
        return "best"
    return f"{percent(share.estimate)} % [{percent(share.low, 1)}, {percent(share.high, 1)}]"


def _conclusion(
    stages: Mapping[str, Mapping[str, Any]], by_stage: Mapping[str, Sequence[Tried]]
) -> tuple[bool, str]:
    """Whether the choice was confirmed, and the whole of it in words."""
    last = by_stage.get("confirm", ())
    picked = next(iter(stages.get("confirm", {}).get("chosen", ())), None)
    one = next((one for one in last if one.case.case == picked), None)
    if one is None:
        return False, "No setting could be confirmed: see the reasons in the table."
    best = last[0]
    name, at = who(one.case), f"at {one.case.scenario} against {where(one.case)}"
    needs = (
        f"{name} needs {one.words} {at}: {per_s(one.case.rate_per_s)} messages a second "
        f"with {latency(one.case)}"
    )
    own = next((other for other in last if other.case.case == stages["confirm"].get("own")), None)
    against = ""
    if own is not None and own is not one:
        against = f" The scenario's own {own.words}: {per_s(own.case.rate_per_s)} with {latency(own.case)}."
    against += _open(by_stage.get("final", ()), one)
    if one is best:
        return True, f"{needs}; nothing that was confirmed with it was faster.{against}"
    share = one.share
    if share is None:
        return False, f"{needs}. One round confirms nothing: give it more with --rounds.{against}"
    figures = (
        f"{percent(share.estimate)} % [{percent(share.low, 1)}, {percent(share.high, 1)}] of the best rate "
        f"({best.words}: {per_s(best.case.rate_per_s)} with {latency(best.case)})"
    )
    if share.low >= SHARE:
        return True, f"{needs}, {figures}.{against}"
    doubt = f"{percent(SHARE)} % of the best rate is not sure"
    return False, f"{needs}, {figures}; but {doubt}, so give it more rounds with --rounds.{against}"


def _open(final: Sequence[Tried], picked: Tried) -> str:
    """The quickest setting that may have the share but does not surely, where it is quicker; else nothing."""
    answered = next((one for one in final if one.settings == picked.settings), None)
    if answered is None:
        return ""
    maybe = [one for one in final if one.share is not None and one.share.low < SHARE <= one.share.high]
    quicker = min(
        (one for one in maybe if one.order[0] < answered.order[0]), key=lambda one: one.order, default=None
    )
    if quicker is None:
        return ""
    return (
        f" {quicker.words} may do as well ({_share(quicker.share)} of the best with "
        f"{latency(quicker.case)} in the final): --rounds would tell."
    )
