"""The opening of a page: what came out, in words, what was the limit, and what it may not be used for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report import words
from bench.report.html.source import label, place
from bench.report.terminal import accounting, client_label, rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bench.report.html.source import Digest
    from bench.report.ranking import Ranking, Ratio
    from bench.report.summary import CaseSummary
    from bench.report.sweeps import Curve, Sweep

MOST_SENTENCES = 6
_LIMITS = {
    "client": "The client was the limit (its event loop filled a core) for",
    "broker": "The broker was the limit for",
    "host": "The machine was the limit for",
    "rate": "The offered rate was kept, and nothing more was asked, for",
    "delivery": "Delivery or the consumers were the limit for",
    "unclear": "Nothing alone was at its limit for",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``findings`` lead; the first line of the first is the one to remember. Each is a line or two."""

    findings: Sequence[str]
    more: int
    limits: Sequence[str]
    cautions: Sequence[str]


def answer(digest: Digest) -> Answer:
    findings = list(_findings(digest))
    return Answer(
        findings=findings[:MOST_SENTENCES],
        more=max(0, len(findings) - MOST_SENTENCES),
        limits=list(_limits(digest)),
        cautions=list(_cautions(digest)),
    )


def _findings(digest: Digest) -> Iterator[str]:
    facts = digest.source.run.facts
    if not facts.get("finished", True):
        yield f"The run did not finish ({facts.get('outcome', 'interrupted')}); this is what was measured."
    if not digest.cases:
        yield "Nothing was measured: there is not one row."
    elif digest.source.told is not None:
        yield from digest.source.told
    elif not any(case.rate_per_s is not None for case in digest.cases):
        yield from _nothing(digest.cases)
    elif digest.comparison is not None:
        yield from digest.comparison.sentences
    else:
        swept = {sweep.scenario for sweep in digest.sweeps}
        yield from (_ranked(one, digest) for one in digest.rankings if one.place[0] not in swept)
        yield from (sentence for sweep in digest.sweeps for sentence in _swept(sweep, digest))


def _nothing(cases: Sequence[CaseSummary]) -> Iterator[str]:
    """Why there is no figure at all."""
    skipped = all(case.status == "skipped" for case in cases)
    yield (
        "Nothing was measured: every case was skipped."
        if skipped
        else "There is no figure to trust: not one row is valid, and an invalid row enters no mean."
    )
    yield from dict.fromkeys(f"{label(case)}: {case.reason or accounting(case)}." for case in cases)


def _ranked(ranking: Ranking, digest: Digest) -> str:
    best, first = ranking.best, ranking.first
    at = f" at {place(best)}" if digest.has_places else ""
    if len(ranking.cases) == 1:
        return f"{label(best)} delivered {rate(best)} messages a second{at}, with nothing to compare with."
    if best.case == first.case:
        said = f"{label(best)} was the fastest{at}, with {rate(best)} messages a second."
        return f"{said}\n{_rivals(ranking)}"
    found = ranking.against_first.get(best.case)
    times = _times(found) if found else f"{(best.rate_per_s or 0) / (first.rate_per_s or 1):.2f}x"
    return (
        f"{label(best)} delivered {times} the messages of {label(first)}{at} "
        f"({rate(best)} against {rate(first)} a second).\n{_rivals(ranking)}"
    )


def _rivals(ranking: Ranking) -> str:
    """How sure it is that the fastest is the fastest."""
    behind = ranking.behind_best
    if any(one.low is None for one in behind.values()) or not behind:
        return "Fewer than three rounds have no interval, so how sure that is cannot be said."
    alike = [case for case in ranking.cases if case.case in behind and not behind[case.case].is_told_apart]
    if alike:
        slower = len(behind) - len(alike)
        rest = f"; it was faster than the other {slower}" if slower else ""
        named = _by_client(alike, lambda case: f"{case.loop} ({_times(behind[case.case])})", between=" or ")
        return f"It cannot be told apart from {'; '.join(named)}{rest}."
    nearest = next(iter(behind))
    (second,) = (label(case) for case in ranking.cases if case.case == nearest)
    return f"It was faster than every other, next to it {second} by {_times(behind[nearest])}."


def _by_client(
    cases: Iterable[CaseSummary], said: Callable[[CaseSummary], str], *, between: str
) -> list[str]:
    """Each client once with what is said of its loops: ``pika 1.4.4 on uvloop or asyncio``."""
    loops: dict[str, list[str]] = {}
    for case in cases:
        loops.setdefault(client_label(case), []).append(said(case))
    return [f"{client} on {between.join(own)}" for client, own in loops.items()]


def _times(ratio: Ratio) -> str:
    """``1.21x [1.18, 1.24]``, with a third decimal where the interval is narrow."""
    if ratio.low is None or ratio.high is None:
        return f"{ratio.estimate:.2f}x"
    digits = 3 if ratio.high - ratio.low < 0.02 else 2
    return f"{ratio.estimate:.{digits}f}x [{ratio.low:.{digits}f}, {ratio.high:.{digits}f}]"


def _swept(sweep: Sweep, digest: Digest) -> Iterator[str]:
    """A sentence for each line, that of the highest rate first, with how sure it is where it is highest."""
    curves = sorted(sweep.curves, key=lambda curve: curve.best[1].rate_per_s or 0, reverse=True)
    highest = curves[0].best[1].case
    rivals = (_rivals(one) for one in digest.rankings if one.best.case == highest and len(one.cases) > 1)
    for index, curve in enumerate(curves):
        said = _along(sweep, curve)
        yield said if index else " ".join((said, *(f"There, {one[0].lower()}{one[1:]}" for one in rivals)))


def _along(sweep: Sweep, curve: Curve) -> str:
    value, best = curve.best
    who = f"{label(best)}{f' ({curve.rest})' if curve.rest else ''}"
    said = f"{who} was fastest at {sweep.field} = {value:g}, with {rate(best)} messages a second"
    if curve.knee is None:
        return f"{said}."
    return f"{said}; its knee is at {sweep.field} = {curve.knee:g}."


def _limits(digest: Digest) -> Iterator[str]:
    by_limit: dict[str, list[CaseSummary]] = {}
    valid = [case for case in digest.cases if case.status == "valid" and case.bottleneck]
    for case in valid:
        by_limit.setdefault(case.bottleneck or "", []).append(case)
    for limit, own in by_limit.items():
        said = _LIMITS.get(limit, f"The limit was {limit} for")
        if digest.has_places:
            named = [f"{label(case)} at {place(case)}" for case in own]
        else:
            named = _by_client(own, lambda case: case.loop, between=", ")
        more = f"; and {len(named) - 4} more" if len(named) > 4 else ""
        everyone = len(own) == len(valid) > 2
        yield f"{said} {'every case' if everyone else '; '.join(named[:4]) + more}."


def _cautions(digest: Digest) -> Iterator[str]:
    """What the numbers may not be used for."""
    run = digest.source.run
    if run.facts.get("meter") == "instructions":
        yield "Instructions outside the kernel say how much work, not how long: they are no rate."
    else:
        yield from _cautions_of_rates(digest)
    if run.facts.get("fingerprint", {}).get("harness_dirty"):
        yield "The harness had changes that are in no commit."


def _cautions_of_rates(digest: Digest) -> Iterator[str]:
    run, cases = digest.source.run, digest.cases
    origins = {case.broker_origin for case in cases}
    if any(case.rate_per_s is not None for case in cases):
        yield (
            "They are of this machine, this broker and this scenario, and say nothing about another: "
            "measure there, with the command at the end."
        )
    if "native" in origins or "embedded" in origins:
        cores = run.facts.get("fingerprint", {}).get("cores_online")
        yield f"Client and broker shared {cores or 'the'} cores: a rate is of both together."
    if "embedded" in origins:
        yield (
            "The broker is embedded, faster than a real one and doing less: good for the cost of a client, "
            "not for what a system will do."
        )
    loads = {row.get("load_model") for row in run.rows}
    if "closed" in loads:
        yield (
            "Latency is of a closed loop, whose senders wait for confirms: a stall slows the senders too, "
            "so it is not the latency at a fixed rate."
        )
    if loads & {"open", "open-bounded"}:
        yield "An open load's rate is what was asked for, where it was kept: compare latencies, not rates."
    for name, values in (
        ("guarantee", {case.guarantee for case in cases}),
        ("broker", {case.broker_kind for case in cases if case.broker_kind}),
    ):
        if len(values) > 1:
            named = ", ".join(sorted(map(str, values)))
            yield f"Rows differ in their {name} ({named}): their rates are of different work."
    yield from words.warnings(cases)
    if digest.comparison is not None:
        yield from digest.comparison.warnings
