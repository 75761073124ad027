"""Whether an interrupted run would go on as it was begun: the same plan, software, machine and broker."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import alike
from bench.errors import ComparisonRefusedError, UsageError
from bench.results import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.environments import Environment
    from bench.plan import Case, Plan
    from bench.resuming import Begun

PLANNED = {
    "seed": "seed",
    "rounds": "number of rounds",
    "slices": "number of slices",
    "limit_s": "limit",
    "blocks": "set of cases",
    "arms": "pair of sides",
    "asked": "gate",
    "meter": "meter",
}
"""What run.json has of a plan, and what it is called where it differs; ``cases`` are told one by one."""


def planned_facts(
    planned: Plan, environment: Mapping[int, Environment], consumers: Mapping[int, Environment]
) -> dict[str, Any]:
    """What run.json has of a plan, so that it can be told whether another is the same."""
    return {
        "seed": planned.seed,
        "rounds": planned.rounds,
        "slices": planned.slices,
        "limit_s": planned.limit_s,
        "blocks": [[case.number for case in block] for block in planned.blocks],
        "cases": {str(case.number): _case(case) for case in planned.cases},
        "installed": {
            str(case.number): [
                _installed(case.entry.adapter, environment[case.number]),
                *(
                    [_installed(case.consumer[1].adapter, consumers[case.number])]
                    if case.consumer is not None
                    else []
                ),
            ]
            for case in planned.cases
        },
    }


def agree(begun: Begun, facts: Mapping[str, Any]) -> None:
    """Raises UsageError where the plan of these ``facts`` is not the one that was begun, and
    ComparisonRefusedError where it would be measured with other software.
    """
    now, then = json.loads(json.dumps(facts)), begun.facts
    where = f"{begun.folder} was begun with another"
    for name, words in PLANNED.items():
        if name == "rounds" and "gate" in then:
            continue  # a gate plans them as it goes
        if now.get(name) != then.get(name):
            raise UsageError(f"{where} {words}: give no more than --resume, or measure it anew")
    for name in ("base", "candidate", "cells") if "gate" in then else ():
        if now["gate"][name] != then["gate"][name]:
            raise UsageError(f"{where} {name} in its gate: put the gate back, or measure it anew")
    _agree_cases(where, then["cases"], now["cases"])
    _agree_installed(begun, now["installed"])


def _agree_cases(where: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for number, case in then.items():
        if (other := now.get(number)) != case:
            fields = [name for name in case if other is None or other.get(name) != case[name]]
            raise UsageError(
                f"{where} {', '.join(fields)} in its case {number}: put that back, or measure it anew"
            )


def _agree_installed(begun: Begun, now: Mapping[str, Any]) -> None:
    for number, installed in begun.facts["installed"].items():
        for one, other in zip(installed, now[number], strict=True):
            if fields := [name for name in one if one[name] != other[name]]:
                told = "; ".join(f"{name} ({one[name]} and now {other[name]})" for name in fields)
                raise ComparisonRefusedError(
                    f"{begun.folder} cannot go on, as its case {number} would be measured with another {told}"
                )


def agree_where(begun: Begun, machine: Mapping[str, Any], brokers: Mapping[str, Mapping[str, str]]) -> None:
    """Raises ComparisonRefusedError where the rest would be measured on another machine or broker.

    ``machine`` is the fingerprint's JSON, ``brokers`` are described by protocol.
    """
    if found := alike.machines(begun.facts, {"fingerprint": machine}):
        told = "; ".join(f"{name} ({one} and now {other})" for name, (one, other) in found.items())
        raise ComparisonRefusedError(f"{begun.folder} cannot go on, as the machine differs in {told}")
    for protocol, broker in brokers.items():
        was = begun.facts.get("brokers", {}).get(protocol, broker)
        names = ["kind", "origin", "version", *(["url"] if was["origin"] == "external" else [])]
        if any(was[name] != broker[name] for name in names):
            one, other = (" ".join(each[name] for name in names) for each in (was, broker))
            raise ComparisonRefusedError(
                f"{begun.folder} cannot go on, as its broker was {one} and is now {other}: say --broker"
            )


def _case(case: Case) -> dict[str, Any]:
    return {
        "scenario": case.scenario_name,
        "point": case.point,
        "client": without_credentials(case.client),
        "consumer": case.consumer and without_credentials(case.consumer[0]),
        "loop": case.loop,
        "python": case.python,
        **case.scenario.to_json(),
    }


def _installed(adapter: str, environment: Environment) -> dict[str, str]:
    """The versions, and a ``state`` that is another where a checkout or an adapter file has changed."""
    facts = asdict(environment)
    state: Iterable[str] = (environment.python, environment.bench_path, _source(adapter))
    names = ("client_version", "requires", "loop_version", "python_version")
    digest = hashlib.sha256("\0".join(state).encode()).hexdigest()[:16]
    return {**{name: facts[name] for name in names}, "state": digest}


def _source(adapter: str) -> str:
    """Of an adapter file; our own have the version of mqbench."""
    return Path(adapter).read_text(encoding="utf-8") if adapter.endswith(".py") else adapter
