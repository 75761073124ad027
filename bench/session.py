"""What a command does between its options and its output: plan, run folder, brokers, rounds."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench import catalogue, environments, instructions, loops, plan, resuming, sameplan, stage
from bench.brokers import check_spec, is_secure, open_broker
from bench.ceiling import measure
from bench.client import NO_FILES, Tls
from bench.engine.local import LocalEngine
from bench.errors import BrokerError, UnsupportedError, UsageError
from bench.results import without_credentials
from bench.trial import merged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bench.resuming import Begun
    from bench.runner import More, Outcome, Progress

    Say = Callable[[str], None]

HEADLINE_CLIENTS = ("aio-pika", "aioamqp")
HEADLINE_LOOPS = ("asyncio", "uvloop")
QUICK: dict[str, float] = {"warmup_s": 0.2, "measure_s": 0.5}
QUICK_ROUNDS = 2
WATCH_S = 0.5
TLS_OPTIONS = ("--tls-ca", "--tls-certificate", "--tls-key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What ``mqbench run`` was asked for."""

    scenarios: Sequence[str]
    clients: Sequence[str]
    loops: Sequence[str]
    broker: str
    values: Mapping[str, tuple[Any, ...]]
    rounds: int
    slices: int | None
    seed: int | None
    limit_s: float
    output: Path | None
    results: Path
    quick: bool
    command: Sequence[str]
    pythons: Sequence[str] = ()
    consumer_client: str | None = None
    tls: Tls = NO_FILES
    meter: instructions.Meter = "time"
    resume: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    folder: Path
    outcome: Outcome


async def run(
    request: Request,
    *,
    say: Say,
    tell: Callable[[Progress], None],
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> Finished:
    """Measures; raises BenchError with whatever was measured so far on disk. run.json has ``facts`` too."""
    begun = resuming.taken_up(request.resume) if request.resume is not None else None
    planned = planned_for(request if begun is None else replace(request, seed=begun.seed))
    folder = begun.folder if begun is not None else request.output or request.results / run_name(planned)
    wanted = wanted_by(planned, consumers=False)
    if request.meter == "instructions":
        async with environments.prepared(wanted.values(), say=say) as ready:
            outcome = await instructions.measured(
                planned,
                {number: ready[one] for number, one in wanted.items()},
                folder,
                broker=request.broker,
                tls=request.tls,
                facts={"command": shown_command(request.command)},
                say=say,
                tell=tell,
                begun=begun,
            )
        return Finished(folder=folder, outcome=outcome)
    consuming = wanted_by(planned, consumers=True)
    async with environments.prepared([*wanted.values(), *consuming.values()], say=say) as ready:
        environment = {number: ready[one] for number, one in wanted.items()}
        consumers = {number: ready[one] for number, one in consuming.items()}
        outcome = await measured(
            planned,
            environment,
            consumers,
            folder,
            broker=request.broker,
            tls=request.tls,
            facts={"command": shown_command(request.command), **facts},
            say=say,
            tell=tell,
            begun=begun,
        )
    return Finished(folder=folder, outcome=outcome)


def wanted_by(planned: plan.Plan, *, consumers: bool) -> dict[int, environments.Wanted]:
    """What each case asks an environment for, by its number; or its consumer, where it has one of its own."""
    pythons = {asked: environments.find_python(asked) for asked in {case.python for case in planned.cases}}
    asked = {case: case.consumer if consumers else (case.client, case.entry) for case in planned.cases}
    return {
        case.number: environments.Wanted(
            client=one[0], entry=one[1], loop=case.loop, python=pythons[case.python]
        )
        for case, one in asked.items()
        if one is not None
    }


def shown_command(words: Sequence[str]) -> list[str]:
    """A command as it may be stored: without credentials, nor where somebody keeps them."""
    shown = [without_credentials(word) for word in words]
    for index, word in enumerate(shown):
        option, equals, _ = word.partition("=")
        if option in TLS_OPTIONS and equals:
            shown[index] = f"{option}=…"
        elif option in TLS_OPTIONS:
            shown[index + 1 : index + 2] = ["…"]
    return ["mqbench", *shown]


async def measured(
    planned: plan.Plan,
    environment: Mapping[int, environments.Environment],
    consumers: Mapping[int, environments.Environment],
    folder: Path,
    *,
    broker: str,
    facts: Mapping[str, Any],
    say: Say,
    tell: Callable[[Progress], None],
    tls: Tls = NO_FILES,
    more: More | None = None,
    begun: Begun | None = None,
) -> Outcome:
    """Carries a plan out, into a folder whose run.json has these ``facts`` too; ``broker`` as asked for.

    ``more`` is asked for further rounds after the plan's, and again after those. What was ``begun`` there is
    gone on with, if it is the same.
    """
    facts = {**facts, **sameplan.planned_facts(planned, environment, consumers)}
    protocols = [case.protocol for case in planned.cases]
    async with stage.opened(
        folder, protocols, broker=broker, facts=facts, say=say, tell=tell, tls=tls, begun=begun
    ) as ready:
        outcome = await ready.carry_out(planned, environment, consumers, more)
        ready.recorder.note(finished=True, outcome="invalid rows" if outcome.invalid else "valid")
    if outcome.unsupported and not outcome.valid and not outcome.invalid:
        raise UnsupportedError(
            f"nothing could be run: {'; '.join(dict.fromkeys(outcome.unsupported.values()))}"
        )
    return outcome


def planned_for(request: Request) -> plan.Plan:
    """The plan of a request; raises UsageError and its kinds, before anything is started."""
    entries = [catalogue.find_scenario(name) for name in request.scenarios or (catalogue.HEADLINE,)]
    shorter = {name: (value,) for name, value in QUICK.items()} if request.quick else {}
    values = {**shorter, **instructions.lock_step(request.values, request.meter)}
    entries = [entry.with_values(values) for entry in entries]
    others = ((request.consumer_client, "--consumer-client"), (request.slices, "--slices"))
    instructions.check_meter(request.meter, others)
    names = request.loops or HEADLINE_LOOPS
    for name in names:
        environments.find_loop(name)
    pythons = {asked: environments.find_python(asked) for asked in request.pythons or (None,)}
    chosen = [(client, catalogue.find_client(client)) for client in request.clients or HEADLINE_CLIENTS]
    broker = instructions.broker_for(request.meter, request.broker)
    check_spec(broker, dict.fromkeys(entry.abilities.protocol for _, entry in chosen), request.tls)
    consumer = request.consumer_client
    return plan.make(
        scenarios=entries,
        clients=chosen,
        loops=names,
        missing=lambda _, loop, python: environments.missing(loop, pythons[python]),
        secure=is_secure(request.broker),
        rounds=QUICK_ROUNDS if request.quick else request.rounds,
        slices=request.slices,
        seed=secrets.randbits(32) if request.seed is None else request.seed,
        limit_s=request.limit_s,
        pythons={asked: python.version for asked, python in pythons.items()},
        consumer=(consumer, catalogue.find_client(consumer)) if consumer is not None else None,
    )


def run_name(planned: plan.Plan) -> str:
    names = "+".join(dict.fromkeys(case.scenario_name for case in planned.cases))
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{names[:40]}-{secrets.token_hex(2)}"


async def hold_broker(
    spec: str, protocol: str, *, tls: Tls = NO_FILES, say: Say, ready: Callable[[str, str], None]
) -> None:
    """Starts a broker, hands its URL to ``ready``, and holds it until cancelled or dead."""
    check_spec(spec, [protocol], tls)
    async with open_broker(spec, protocol, tls=tls, say=say) as broker:
        ready(broker.url, f"{broker.origin} {broker.kind} {broker.version}")
        while (words := broker.last_words()) is None:  # noqa: ASYNC110  # a dying process sets no event
            await asyncio.sleep(WATCH_S)
        raise BrokerError(f"the broker ({broker.origin} {broker.kind}) died: {words}")


def installed_loops() -> list[str]:
    return [name for name, loop in loops.LOOPS.items() if loop.missing() is None]


async def calibrate(names: Sequence[str], *, say: Say) -> list[tuple[str, ...]]:
    """What the harness reaches and costs with no client: a row of words for each loop."""
    python = environments.our_python()
    entry = catalogue.find_client("memory")
    for name in names:
        if (why := environments.missing(name, python)) is not None:
            raise UsageError(why)
    wanted = [environments.Wanted(client=entry.name, entry=entry, loop=name, python=python) for name in names]
    async with environments.prepared(wanted, say=say) as ready:
        return [await _calibrated(one.loop, ready[one]) for one in wanted]


async def _calibrated(name: str, environment: environments.Environment) -> tuple[str, ...]:
    scenario = catalogue.find_scenario(catalogue.HEADLINE).points[0]
    turns = await measure(LocalEngine(), scenario, environment, slices=20)
    received = sum(turn.account.received for turn in turns)
    spent_s = sum(turn.usage.cpu_user_s + turn.usage.cpu_system_s for turn in turns)
    latency = merged(turn.latency for turn in turns)
    rate = received / sum(turn.elapsed_s for turn in turns)
    return (
        name,
        f"{rate:,.0f}",
        f"{1e6 * spent_s / received:.2f}",
        f"{latency.percentile(50)}",
        f"{latency.percentile(99)}",
    )
