"""Scenarios x clients x loops, as blocks of cases that take turns together, and reasoned skips. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from bench.driver import SLICE_S
from bench.errors import UsageError
from bench.loops import named
from bench.scenario.contradictions import MOST_DUE, too_many_due

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.catalogue import ClientEntry, ScenarioEntry
    from bench.scenario import Scenario

_OUR_PYTHON: Mapping[str | None, str] = {None: ""}
PACED_SLICE_S = 1.0
"""How long a turn of an open load lasts: its first and last messages have fewer others beside them."""
MOST_LIVE = 6
"""Cases of one block that are connected at once; more, and their idle connections begin to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scenario point with one client on one loop; ``number`` is its place in the run's tables.

    With a ``consumer`` the client only publishes, and that one consumes in a worker of its own. ``python``
    is as it was asked for, None for the one that runs us.
    """

    number: int
    scenario_name: str
    point: str
    scenario: Scenario
    client: str
    entry: ClientEntry
    loop: str
    consumer: tuple[str, ClientEntry] | None = None
    python: str | None = None

    @property
    def protocol(self) -> str:
        return self.entry.abilities.protocol

    @property
    def label(self) -> str:
        words = (self.scenario_name, self.point, self.client, self.loop)
        return " / ".join(word for word in words if word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A case that is not run, and why."""

    case: Case
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one command measures. A block's first case is the reference that its scenario's blocks share.

    ``whole``: a block that has lost a case to a failure is not run any more, as there is nothing to compare.
    ``ceiling``: what the harness itself needs for a message is measured first.
    """

    cases: tuple[Case, ...]
    skipped: tuple[Skipped, ...]
    blocks: tuple[tuple[Case, ...], ...]
    rounds: int
    slices: int | None
    seed: int
    limit_s: float
    whole: bool = False
    ceiling: bool = True

    def order(self, *draw: object) -> random.Random:
        """The source of every random order: the same seed and words give the same one."""
        return random.Random(repr((self.seed, *draw)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """Further rounds of some blocks of a plan, which are named by their place in it from 1."""

    blocks: tuple[int, ...]
    rounds: int


def make(
    *,
    scenarios: Sequence[ScenarioEntry],
    clients: Sequence[tuple[str, ClientEntry]],
    loops: Sequence[str],
    missing: Callable[[str, str, str | None], str | None],
    rounds: int,
    slices: int | None,
    seed: int,
    limit_s: float,
    secure: bool = False,
    consumer: tuple[str, ClientEntry] | None = None,
    pythons: Mapping[str | None, str] = _OUR_PYTHON,
    first: int = 1,
) -> Plan:
    """The matrix, its cases numbered from ``first``. ``missing(client, loop, python)`` says why these cannot
    run here, or None. ``pythons`` are by what was asked for, with how to show them. ``secure``: the broker is
    behind TLS.

    Raises UsageError when nothing is left to run, with the reasons.
    """
    cases: list[Case] = []
    skipped: list[Skipped] = []
    matrix = [(entry, point) for entry in scenarios for point in entry.points]
    for number, ((entry, point), (client, client_entry), loop, python) in enumerate(
        product(matrix, dict.fromkeys(clients), dict.fromkeys(loops), dict.fromkeys(pythons)), start=first
    ):
        words = (
            entry.label(point),
            consumer and f"consumer={consumer[0]}",
            len(pythons) > 1 and f"python={pythons[python]}",
        )
        case = Case(
            number=number,
            scenario_name=entry.name,
            point=" ".join(word for word in words if word),
            scenario=point,
            client=client,
            entry=client_entry,
            loop=loop,
            consumer=consumer,
            python=python,
        )
        reason = _unfit(case, missing, secure=secure)
        if reason is None:
            cases.append(case)
        else:
            skipped.append(Skipped(case=case, reason=reason))
    _check_any(cases, skipped)
    _check_due(cases, slices)
    return Plan(
        cases=tuple(cases),
        skipped=tuple(skipped),
        blocks=_blocks(cases),
        rounds=rounds,
        slices=slices,
        seed=seed,
        limit_s=limit_s,
    )


def paired(
    pairs: Sequence[tuple[Case, ...]],
    *,
    missing: Callable[[str, str, str | None], str | None],
    rounds: int,
    slices: int | None,
    seed: int,
    limit_s: float,
    secure: bool = False,
) -> Plan:
    """A block for each pair (or more) of cases, which take turns with each other alone; where one cannot
    run, none of them is. ``missing``, ``secure`` and UsageError as for :func:`make`.
    """
    blocks: list[tuple[Case, ...]] = []
    skipped: list[Skipped] = []
    for pair in pairs:
        reasons = [_unfit(case, missing, secure=secure) for case in pair]
        reason = next((why for why in reasons if why is not None), None)
        if reason is None:
            blocks.append(pair)
        else:
            skipped += [Skipped(case=case, reason=reason) for case in pair]
    _check_any(blocks, skipped)
    return Plan(
        cases=tuple(case for block in blocks for case in block),
        skipped=tuple(skipped),
        blocks=tuple(blocks),
        rounds=rounds,
        slices=slices,
        seed=seed,
        limit_s=limit_s,
        whole=True,
    )


def _unfit(case: Case, missing: Callable[[str, str, str | None], str | None], *, secure: bool) -> str | None:
    """Why a case cannot be run here; None if it can."""
    return (
        case.entry.abilities.shortfall(case.scenario)
        or _apart(case)
        or missing(case.client, case.loop, case.python)
        or (_without_tls(case) if secure else None)
    )


def _without_tls(case: Case) -> str | None:
    """Why a case cannot be run behind TLS; None if it can."""
    loop = named(Requirement(case.loop).name)
    entries = (case.entry, *(case.consumer[1:] if case.consumer is not None else ()))
    if loop.tls or all(entry.abilities.tls == "own" for entry in entries):
        return None
    return f"{loop.name} makes no connections with TLS, and {case.client} leaves that to the event loop"


def _check_any(found: Sequence[object], skipped: Sequence[Skipped]) -> None:
    if not found:
        reasons = "; ".join(dict.fromkeys(skip.reason for skip in skipped))
        raise UsageError(f"nothing can be run: {reasons}")


def _apart(case: Case) -> str | None:
    """Why another client cannot consume what this case's publishes; None if it can, or none is to."""
    if case.consumer is None:
        return None
    name, entry = case.consumer
    theirs = entry.abilities.protocol
    if theirs != case.protocol:
        return f"{name} speaks {theirs}, {case.client} speaks {case.protocol}: it cannot be its consumer"
    if not entry.abilities.distribution or not case.entry.abilities.distribution:
        return "a client without a broker cannot publish in one worker and consume in another"
    shape = case.scenario.fan_out or case.scenario.request_reply
    if case.scenario.load_model != "closed" or shape:
        names = ((case.scenario.fan_out, "fanned out"), (case.scenario.request_reply, "with replies"))
        what = next((name for has, name in names if has), case.scenario.load_model)
        return (
            f"two clients, each in a worker of its own, can be driven closed and from one queue, not {what} "
            "(leave out rate_per_s, schedule, max_outstanding, fan_out and request_reply)"
        )
    if case.scenario.measure != "end-to-end":
        return (
            f"two clients can be measured end-to-end, not {case.scenario.measure} (--set measure=end-to-end)"
        )
    return entry.abilities.shortfall(case.scenario)


def _blocks(cases: Sequence[Case]) -> tuple[tuple[Case, ...], ...]:
    """At most six cases live together; the blocks of one scenario share its first case as reference."""
    blocks: list[tuple[Case, ...]] = []
    for name in dict.fromkeys(case.scenario_name for case in cases):
        mine = [case for case in cases if case.scenario_name == name]
        if len(mine) <= MOST_LIVE:
            blocks.append(tuple(mine))
            continue
        reference, others = mine[0], mine[1:]
        step = MOST_LIVE - 1
        blocks += [(reference, *others[at : at + step]) for at in range(0, len(others), step)]
    return tuple(blocks)


def _check_due(cases: Sequence[Case], slices: int | None) -> None:
    """A turn of one rate lasts as long as the number of turns leaves it; UsageError for too long a one."""
    for scenario in (case.scenario for case in cases if slices is not None):
        schedule = scenario.scheduled(scenario.measure_s / (slices or 1))
        if schedule is not None and schedule.messages > MOST_DUE:
            raise UsageError(too_many_due(schedule.messages, "more --slices"))


def slices(block: Sequence[Scenario]) -> int:
    """Turns of each case of a block: as many as its measured time holds, of those that last longest."""
    longest_s = max(
        (schedule.time_s if (schedule := one.scheduled(PACED_SLICE_S)) is not None else SLICE_S)
        for one in block
    )
    return max(1, round(block[0].measure_s / longest_s))


def scheduled_s(scenario: Scenario, messages: int) -> float:
    """How long a schedule takes for so many messages; 0 for a closed load."""
    if (schedule := scenario.scheduled(PACED_SLICE_S)) is None:
        return 0.0
    return next(schedule.times_s((messages,)))


def turn_messages(
    scenarios: Sequence[Scenario], rates_per_s: Sequence[float], fewest: Sequence[int], slices: int
) -> list[int]:
    """How many messages a turn of each case of a block has: what its schedule holds, or for those that
    have none, what :func:`slice_messages` says.
    """
    slice_s = scenarios[0].measure_s / slices
    schedules = [one.scheduled(slice_s) for one in scenarios]
    closed = [place for place, schedule in enumerate(schedules) if schedule is None]
    drawn = slice_messages([rates_per_s[at] for at in closed], [fewest[at] for at in closed], slice_s)
    counts = dict(zip(closed, drawn, strict=True))
    return [
        counts[place] if schedule is None else schedule.messages for place, schedule in enumerate(schedules)
    ]


def slice_messages(rates_per_s: Sequence[float], fewest: Sequence[int], slice_s: float) -> list[int]:
    """How many messages a slice of each case has, from their warm-up rates.

    One count for all, so that filling and emptying the pipeline weighs the same for each, if that keeps
    every slice between 0.4 and 2.5 times the wanted length (40 to 250 ms of 100); else to each its own.
    """
    if not rates_per_s:
        return []
    slowest, fastest = min(rates_per_s), max(rates_per_s)
    if fastest / slowest <= 2.5 / 0.4:
        wanted = round((slowest * fastest) ** 0.5 * slice_s)
        return [max(wanted, *fewest)] * len(rates_per_s)
    return [max(least, round(rate * slice_s)) for rate, least in zip(rates_per_s, fewest, strict=True)]
