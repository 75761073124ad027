"""Rounds: start the workers of a block, give them turns in random order, collect, always clean up."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack
from itertools import product
from typing import TYPE_CHECKING

from bench import plan as planning
from bench.ceiling import harness_cpu_us
from bench.client import NO_FILES, Tls
from bench.errors import BrokerError
from bench.hlog import write_header, write_interval
from bench.meters import HostMeter
from bench.plan import Further
from bench.results import LATENCIES
from bench.resuming import INTERRUPTED
from bench.runner.live import Live, judging, loaded
from bench.runner.progress import Outcome, Progress
from bench.trial import Trial, skipped_row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.brokers import Broker
    from bench.engine import Engine
    from bench.environments import Environment
    from bench.meters import HostNoise
    from bench.plan import Case, Plan
    from bench.results import Recorder
    from bench.resuming import Begun
    from bench.trial.turn import Turn

    More = Callable[[Recorder], Further | None]

__all__ = ["Outcome", "Progress", "Runner"]

_CEILING_PROTOCOL = "memory"


class Runner:
    """Runs a plan. ``environments`` and ``consumers`` are by case number, ``brokers`` by protocol.

    ``began_ns`` is when the run began, on the monotonic clock, where this plan is not its first; ``begun``
    what it has already where it was interrupted.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        engine: Engine,
        brokers: Mapping[str, Broker],
        environments: Mapping[int, Environment],
        consumers: Mapping[int, Environment],
        recorder: Recorder,
        tell: Callable[[Progress], None],
        usable_cores: float | None = None,
        tls: Tls = NO_FILES,
        began_ns: int | None = None,
        begun: Begun | None = None,
    ) -> None:
        self._plan = plan
        self._engine = engine
        self._brokers = brokers
        self._environments = environments
        self._consumers = consumers
        self._recorder = recorder
        self._tell = tell
        self._usable_cores = usable_cores
        self._tls = tls
        self._has = begun.done if begun is not None else frozenset()
        self._counts = begun.slice_messages if begun is not None else {}
        self._harness_us: dict[int, float | None] = {}
        self._done = self._total = 0
        self._began_ns = time.monotonic_ns() if began_ns is None else began_ns
        self.outcome = Outcome.of(begun, plan.cases)

    async def run(self, more: More | None = None) -> Outcome:
        """Every round of every block, and then those that ``more`` asks for, until it has none.

        Raises BrokerError when a broker is gone; rows so far are written.
        """
        for skip in self._plan.skipped:
            if (skip.case.number, 0, None) not in self._has:
                self._recorder.trials.add(skipped_row(skip.case, skip.reason))
                self.outcome.skipped += 1
        with (self._recorder.folder / LATENCIES).open("a", encoding="utf-8") as self._hlog:
            if not self._hlog.tell():  # a folder may have had a plan before
                write_header(self._hlog, time.time() - self._now_s())
            every = tuple(range(1, len(self._plan.blocks) + 1))
            further: Further | None = Further(blocks=every, rounds=self._plan.rounds)
            begun = 0
            while further is not None:
                await self._rounds(further, begun)
                begun += further.rounds
                able = any(map(self._able, self._plan.blocks))
                further = more(self._recorder) if more is not None and able else None
        return self.outcome

    async def _rounds(self, further: Further, begun: int) -> None:
        """Its rounds are numbered after those that were ``begun`` before."""
        blocks = {index: self._plan.blocks[index - 1] for index in further.blocks}
        numbers = range(begun + 1, begun + further.rounds + 1)
        left = [one for one in product(numbers, blocks) if not self._is_measured(*one)]
        turns = sum(self._slices(blocks[index]) * len(blocks[index]) for _, index in left)
        self._total = self._done + turns
        for number, index in left:
            if cases := self._able(blocks[index]):
                await self._block(number, index, cases)

    def _is_measured(self, number: int, index: int) -> bool:
        """Whether a run that was interrupted has this round of this block already."""
        cases = self._able(self._plan.blocks[index - 1])
        return bool(cases) and all((case.number, number, index) in self._has for case in cases)

    def _able(self, block: Sequence[Case]) -> list[Case]:
        """The cases of a block that get another round."""
        cases = [case for case in block if case.number not in self.outcome.given_up]
        return cases if len(cases) == len(block) or not self._plan.whole else []

    def _slices(self, block: Sequence[Case]) -> int:
        return self._plan.slices or planning.slices([case.scenario for case in block])

    async def _block(self, number: int, index: int, cases: Sequence[Case]) -> None:
        order = self._plan.order("round", number)
        hash_seed, padding = order.randrange(1, 2**32), order.randrange(1, 4096)
        variables = {"PYTHONHASHSEED": str(hash_seed), "MQBENCH_PADDING": "x" * padding}
        turns = self._plan.order("turns", number, index)
        for case in cases:
            await self._measure_harness(case)
        async with AsyncExitStack() as stack:
            trials = [self._trial(case, number, index, hash_seed) for case in turns.sample(cases, len(cases))]
            for trial in trials:
                stack.callback(self._record, trial)
            live = await self._connected(stack, trials, variables)
            for one in turns.sample(live, len(live)):
                self._now(f"round {number}: warming up", case=one.case)
                async with judging(one.trial, "in the warm-up"):
                    await one.warm_up()
            live = [one for one in live if one.trial.failure is None]
            slices = self._slices(self._plan.blocks[index - 1])
            self._fix_slice_messages(index, live, slices)
            meter = HostMeter(own=[os.getpid(), *self._pids(live)])
            place = 0
            for turn in range(slices):
                for one in turns.sample(live, len(live)):
                    if one.trial.failure is None:
                        async with judging(one.trial, f"in turn {turn + 1}"):
                            await self._turn(one, turn, place)
                    place += 1
                    self._done += 1
            noise = meter.noise()
            self._now(f"round {number}", noise=noise)
            for one in live:
                one.trial.noise = noise
                if one.trial.failure is None:
                    async with judging(one.trial, "while it was being closed"):
                        await one.close()

    def _now(
        self,
        what: str,
        case: Case | None = None,
        *,
        turn: Turn | None = None,
        noise: HostNoise | None = None,
        failure: str | None = None,
    ) -> None:
        """Tells of it, with how far the run is."""
        self._tell(
            Progress(
                what=what,
                case=case,
                rate_per_s=turn.rate_per_s if turn is not None else None,
                turn=turn,
                noise=noise,
                failure=failure,
                done=self._done,
                total=self._total,
            )
        )

    def _pids(self, live: Sequence[Live]) -> list[int]:
        workers = [pid for one in live for pid in one.worker.pids]
        return workers + [pid for broker in self._brokers.values() for pid in broker.pids]

    def _trial(self, case: Case, number: int, index: int, hash_seed: int) -> Trial:
        return Trial(
            case=case,
            round=number,
            block=index,
            broker=self._brokers[case.protocol],
            environment=self._environments[case.number],
            consumer_environment=self._consumers.get(case.number),
            hash_seed=hash_seed,
            harness_cpu_us=self._harness_us.get(case.number),
            began_s=self._now_s(),
            usable_cores=self._usable_cores,
        )

    def _now_s(self) -> float:
        return (time.monotonic_ns() - self._began_ns) / 1e9

    async def _measure_harness(self, case: Case) -> None:
        """What the harness itself needs for a message of this scenario on this loop, once a run."""
        known = case.number in self._harness_us or case.protocol == _CEILING_PROTOCOL
        if known or not self._plan.ceiling:
            return
        self._now("measuring the harness itself", case=case)
        cost_us = await harness_cpu_us(self._engine, case.scenario, self._environments[case.number])
        for other in self._plan.cases:
            if (other.scenario, other.loop, other.python) == (
                case.scenario,
                case.loop,
                case.python,
            ) and other.protocol != _CEILING_PROTOCOL:
                self._harness_us[other.number] = cost_us

    async def _connected(
        self, stack: AsyncExitStack, trials: Sequence[Trial], variables: Mapping[str, str]
    ) -> list[Live]:
        """Their workers load side by side, and connect one after the other, as that is measured."""
        for trial in trials:
            if (why := trial.broker.shortfall(trial.case.scenario)) is not None:
                trial.unsupported, trial.failure = True, why
        able = [trial for trial in trials if trial.failure is None]
        try:
            async with asyncio.TaskGroup() as group:
                loading = [group.create_task(self._load(stack, trial, variables)) for trial in able]
        except* BrokerError as errors:
            raise errors.exceptions[0] from None
        live: list[Live] = []
        for one in (task.result() for task in loading):
            if one is not None:
                self._now(f"round {one.trial.round}: connecting", case=one.case)
                async with judging(one.trial, "while it was being connected"):
                    seed = self._plan.order("arrivals", one.trial.round).getrandbits(32)
                    await one.connect(self._tls, seed)
                    live.append(one)
        return live

    async def _load(self, stack: AsyncExitStack, trial: Trial, variables: Mapping[str, str]) -> Live | None:
        """None where the trial has failed."""
        live: Live | None = None
        self._now(f"round {trial.round}: starting", case=trial.case)
        async with judging(trial, "while it was being started"):
            worker = await loaded(self._engine, stack, trial, variables)
            live = Live(trial=trial, worker=worker, limit_s=self._plan.limit_s)
        return live  # noqa: RET504  # what is judged may have ended the block early

    def _fix_slice_messages(self, index: int, live: Sequence[Live], slices: int) -> None:
        """Counts are a schedule's, or drawn from the first warm-up; they stay for the whole run."""
        if any((index, one.case.number) not in self._counts for one in live):
            counts = planning.turn_messages(
                [one.case.scenario for one in live],
                [one.rate_per_s for one in live],
                [one.fewest for one in live],
                slices,
            )
            for one, count in zip(live, counts, strict=True):
                self._counts.setdefault((index, one.case.number), count)
        for one in live:
            one.trial.slice_messages = self._counts[index, one.case.number]

    async def _turn(self, one: Live, turn: int, place: int) -> None:
        taken = await one.turn()
        one.trial.add(taken)
        one.trial.failure = taken.wrong
        self._recorder.slices.add(taken.row(one.trial, turn, place))
        self._now(f"round {one.trial.round}: measuring", one.case, turn=taken)

    def _record(self, trial: Trial) -> None:
        planned = self._slices(self._plan.blocks[trial.block - 1])
        if trial.failure is None and len(trial.turns) < planned:
            trial.failure = f"{INTERRUPTED} after {len(trial.turns)} of {planned} turns"
        self._recorder.add_steps(trial.step_rows())
        tag = f"case={trial.case.number};round={trial.round};block={trial.block};metric="
        ended_s = self._now_s()
        for metric, histogram in trial.histograms.items():
            if histogram.total:
                write_interval(self._hlog, tag + metric, trial.began_s, ended_s, histogram)
        self._hlog.flush()
        self._recorder.trials.add(trial.row())  # the last: where it is, all of the trial is
        if trial.failure is None:
            self.outcome.valid += 1
        elif trial.unsupported:
            self.outcome.skipped += 1
            self.outcome.unsupported[trial.case.number] = trial.failure
        else:
            self.outcome.invalid += 1
            what = f"invalid in round {trial.round}"
            self._now(what, case=trial.case, failure=trial.failure)
            self.outcome.failures.setdefault(trial.case.number, f"{trial.case.label}: {trial.failure}")
