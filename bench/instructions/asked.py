"""What was asked for, in instruction mode: what it may be, what is done instead, and its run folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import sameplan, stage
from bench.client import NO_FILES, Tls
from bench.errors import UnsupportedError, UsageError
from bench.instructions import callgrind
from bench.instructions.rounds import carry_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from bench.counting import Meter
    from bench.environments import Environment
    from bench.plan import Plan
    from bench.resuming import Begun
    from bench.runner import Outcome, Progress

    Say = Callable[[str], None]


async def measured(
    planned: Plan,
    environment: Mapping[int, Environment],
    folder: Path,
    *,
    broker: str,
    facts: Mapping[str, Any],
    say: Say,
    tell: Callable[[Progress], None],
    tls: Tls = NO_FILES,
    annotate: bool = False,
    begun: Begun | None = None,
) -> Outcome:
    """Carries a plan out, as ``session.measured`` does for times; ``annotate`` leaves a profile too."""
    if begun is not None and annotate:
        raise UsageError("a run with --annotate leaves its profile at its end, so it is not gone on with")
    facts = {**facts, "meter": "instructions", **sameplan.planned_facts(planned, environment, {})}
    protocols = [case.protocol for case in planned.cases]
    async with stage.opened(
        folder,
        protocols,
        broker=broker_for("instructions", broker),
        facts=facts,
        say=say,
        tell=tell,
        tls=tls,
        begun=begun,
    ) as ready:
        outcome = await carry_out(ready, planned, environment, annotate=annotate)
        ready.recorder.note(finished=True, outcome="invalid rows" if outcome.invalid else "valid")
    if outcome.unsupported and not outcome.valid and not outcome.invalid:
        reasons = "; ".join(dict.fromkeys(outcome.unsupported.values()))
        raise UnsupportedError(f"nothing could be counted: {reasons}")
    return outcome


def broker_for(meter: Meter, asked: str) -> str:
    """Counted, it is an embedded one unless another was named."""
    return "embedded" if (meter, asked) == ("instructions", "auto") else asked


def lock_step(values: Mapping[str, tuple[Any, ...]], meter: Meter) -> dict[str, tuple[Any, ...]]:
    """What a scenario's fields are set to. Counted, a message waits for the one before unless it is asked
    otherwise: how many are read at once would depend on the time.
    """
    return {**({"in_flight": (1,)} if meter == "instructions" else {}), **values}


def check_meter(meter: Meter, others: Iterable[tuple[object, str]]) -> None:
    """Raises UsageError where instructions cannot be counted here, or do not go with what was asked for too;
    ``others`` are the values of such options, with their names.
    """
    if meter == "time":
        return
    if given := [option for value, option in others if value]:
        raise UsageError(f"--meter instructions does not go with {', '.join(given)}: leave it out")
    callgrind.check()
