"""Carries out a plan in instruction mode: a row of trials.csv for each case and round, with its slices."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench.errors import BrokerError, EngineError, UnsupportedError
from bench.hlog import write_header
from bench.instructions import profile
from bench.instructions.counting import HASH_SEED, counted
from bench.results import LATENCIES, PROFILE, write_table
from bench.resuming import INTERRUPTED
from bench.runner import Outcome, Progress
from bench.schema import PROFILE_COLUMNS, untimed
from bench.trial import Trial, skipped_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.environments import Environment
    from bench.instructions.counting import Counted
    from bench.plan import Plan
    from bench.stage import Stage

METER = {"meter": "instructions"}


async def carry_out(
    stage: Stage, planned: Plan, environments: Mapping[int, Environment], *, annotate: bool = False
) -> Outcome:
    """Every round of a plan. Raises BrokerError when a broker is gone; rows so far are written."""
    recorder, outcome = stage.recorder, Outcome.of(stage.begun, planned.cases)
    has = stage.begun.done if stage.begun is not None else frozenset()
    with (recorder.folder / LATENCIES).open("a", encoding="utf-8") as latencies:
        if not latencies.tell():
            write_header(latencies, time.time())  # of instructions there are no latencies
    for skip in planned.skipped:
        if (skip.case.number, 0, None) not in has:
            recorder.trials.add(skipped_row(skip.case, skip.reason) | METER)
            outcome.skipped += 1
    found: list[dict[str, Any]] = []
    turns = [
        (number, index, case)
        for number in range(1, planned.rounds + 1)
        for index, block in enumerate(planned.blocks, start=1)
        for case in block
        if (case.number, number, index) not in has
    ]
    for done, (number, index, case) in enumerate(turns):
        if case.number in outcome.given_up:
            continue
        what = f"round {number}: counting instructions"
        stage.tell(Progress(what=what, case=case, done=done, total=len(turns)))
        trial = Trial(
            case=case,
            round=number,
            block=index,
            broker=stage.brokers[case.protocol],
            environment=environments[case.number],
            hash_seed=HASH_SEED,
            began_s=(time.monotonic_ns() - stage.began_ns) / 1e9,
        )
        of_case = await _count(stage, planned, trial, outcome)
        if annotate and of_case is not None and number == 1:
            executed = await profile.bytecodes(
                case, trial.environment, trial.broker, limit_s=planned.limit_s, tls=stage.tls
            )
            found += profile.rows(case, of_case, executed)
    if found:
        write_table(recorder.folder / PROFILE, PROFILE_COLUMNS, found)
    return outcome


async def _count(stage: Stage, planned: Plan, trial: Trial, outcome: Outcome) -> Counted | None:
    """Counts and writes the row, whatever came of it; None where it failed."""
    found = None
    try:
        found = await counted(
            trial.case, trial.environment, trial.broker, limit_s=planned.limit_s, tls=stage.tls
        )
        trial.setup, trial.turns = dict(found.setup), list(found.turns)
        trial.slice_messages = max(turn.messages for turn in found.turns)
        outcome.valid += 1
    except UnsupportedError as error:
        trial.unsupported, trial.failure = True, str(error)
        outcome.skipped += 1
        outcome.unsupported[trial.case.number] = trial.failure
    except EngineError as error:
        trial.failure = str(error)
        outcome.invalid += 1
        outcome.failures[trial.case.number] = f"{trial.case.label}: {error}"
        if (words := trial.broker.last_words()) is not None:
            raise BrokerError(
                f"the broker ({trial.broker.origin} {trial.broker.kind}) died: {words}"
            ) from error
    finally:
        _write(stage, trial, found)
    return found


def _write(stage: Stage, trial: Trial, found: Counted | None) -> None:
    figures: dict[str, Any] = {}
    if found is not None:
        figures = {
            "instructions_per_message": found.per_message,
            "instructions_low_per_message": found.low,
            "instructions_high_per_message": found.high,
            "instructions_repeats": len(found.repeats),
        }
        for place, (turn, instructions) in enumerate(zip(found.turns, found.instructions, strict=True)):
            row = turn.row(trial, place, place)
            stage.recorder.slices.add(untimed(row) | {"instructions": instructions})
    elif trial.failure is None:
        trial.failure = INTERRUPTED
    stage.recorder.trials.add(untimed(trial.row()) | METER | figures)
