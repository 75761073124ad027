"""What the questions about one workload have in common: what was asked for, checked, and its plans."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import catalogue, environments, plan, results
from bench.brokers import check_spec, is_secure
from bench.client import NO_FILES, Tls
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What every such command is asked for."""

    scenario: str | None
    client: str
    loop: str
    python: str | None
    broker: str
    values: Mapping[str, tuple[Any, ...]]
    seed: int | None
    limit_s: float
    output: Path | None
    results: Path
    quick: bool
    command: Sequence[str]
    tls: Tls = NO_FILES


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One scenario point with one client on one loop, which can be run here."""

    asked: Asked
    entry: catalogue.ClientEntry
    name: str
    point: Scenario
    seed: int

    @property
    def wanted(self) -> environments.Wanted:
        asked = self.asked
        python = environments.find_python(asked.python)
        return environments.Wanted(client=asked.client, entry=self.entry, loop=asked.loop, python=python)

    def planned(
        self,
        points: Sequence[Scenario],
        *,
        rounds: int,
        first: int,
        varied: tuple[str, ...],
        slices: int | None = None,
    ) -> plan.Plan:
        """A plan of these points, which differ in ``varied``, with cases from the number ``first`` on."""
        asked = self.asked
        python = environments.find_python(asked.python)
        entry = catalogue.ScenarioEntry(
            name=self.name, question="", points=tuple(dict.fromkeys(points)), varied=varied
        )
        return plan.make(
            scenarios=[entry],
            clients=[(asked.client, self.entry)],
            loops=[asked.loop],
            missing=lambda _, loop, __: environments.missing(loop, python),
            secure=is_secure(asked.broker),
            rounds=rounds,
            slices=slices,
            seed=self.seed + first,  # each plan of a run has random orders of its own
            limit_s=asked.limit_s,
            pythons={asked.python: python.version},
            first=first,
        )


def workload(
    asked: Asked, *, what: str, of: Mapping[str, tuple[Any, ...]], free: Mapping[str, Any]
) -> Workload:
    """What was asked for, checked; raises UsageError and its kinds before anything is started.

    ``what`` is done to it, ``of`` are the values that fields were given, and ``free`` are fields that the
    command chooses itself, with values at which any scenario makes sense.
    """
    entry = catalogue.find_client(asked.client)
    check_spec(asked.broker, (entry.abilities.protocol,), asked.tls)
    environments.find_loop(asked.loop)
    found = catalogue.find_scenario(asked.scenario or catalogue.HEADLINE)
    points = found.with_values(of).points
    if len({point.with_fields(free) for point in points}) > 1:
        others = f" but {', '.join(free)}" if free else ""
        raise UsageError(
            f"{what} is of one workload, and {found.name} with what was set has {len(points)}: "
            f"give every field{others} one value with --set"
        )
    if asked.output is not None:
        results.check_unused(asked.output)
    seed = secrets.randbits(32) if asked.seed is None else asked.seed
    return Workload(asked=asked, entry=entry, name=found.name, point=points[0], seed=seed)
