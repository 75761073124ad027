"""A case whose load is not closed: turns that follow a schedule, or keep a bound from end to end."""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bench.arrivals import due_ns, owners
from bench.driver import Driver
from bench.driver.depth import looking
from bench.driver.open_load import OpenFanOutLedger, OpenLedger, OpenReturningLedger, PacedProducer
from bench.driver.pacing import Pace, Room, Rush, making_room, making_room_when_kept
from bench.driver.sample import Offered, latency_histogram
from bench.driver.steps import by_step
from bench.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from bench.arrivals import Schedule
    from bench.driver.open_load import Turn
    from bench.driver.sample import Sample
    from bench.driver.steps import Stepped
    from bench.payload import Account


class PacedDriver(Driver):
    """As the driver, with turns that are paced, whose random arrivals have its ``seed``.

    Every turn begins its schedule anew. What is asked of the broker while the client is being connected is
    not paced.
    """

    PRODUCER = PacedProducer
    LEDGER = OpenLedger
    FAN_OUT = OpenFanOutLedger
    RETURNING = OpenReturningLedger
    _producers: list[PacedProducer]  # type: ignore[assignment]  # as PRODUCER says
    _ledger: OpenLedger

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        schedule = self._scenario.schedule
        self._timed_ledger.keeps_times = schedule is not None and len(schedule.steps) > 1
        self._stretches = 0
        self._pace: Pace | None = None
        self._room: Room | None = None
        if self._scenario.max_outstanding is not None:
            judges = self._scenario.requeue_every is not None
            making = making_room_when_kept if judges else making_room
            self._receivers = [making(receive, lambda: self._room) for receive in self._receivers]

    @property
    def _timed_ledger(self) -> OpenLedger:
        """The one whose latencies are the row's."""
        return self._ledger

    async def _warm_up(self) -> tuple[float, Account]:
        """With a schedule: at its first rate, for the scenario's warm-up time."""
        if (schedule := self._scenario.scheduled(1.0)) is None:
            return await super()._warm_up()
        rate_per_s = schedule.steps[0].first_per_s
        sample = await self.slice(max(1, round(rate_per_s * self._scenario.warmup_s)))
        return sample.rate_per_s / self._copies, sample.account

    async def slice(self, count: int) -> Sample:
        self._begin_stretch(count)
        self._stretches += 1
        limit = self._scenario.max_outstanding
        self._room = Room(limit) if limit is not None else None
        if (schedule := self._scenario.scheduled(1.0)) is not None:
            return await self._scheduled(count, schedule)
        return await self._rushed(count)

    async def _scheduled(self, count: int, schedule: Schedule) -> Sample:
        pace, due = self._paced(count, schedule)
        async with looking(self._depth if self._gauges.timed else None, self._limit_s) as look:
            before = self._begin_timing()
            await self._moving(self._playing(pace.turns, pace.play(due)), "publishing")
            self._ledger.expect(self._played())
            look.ended.set()
            await self._arrival()
            usage = self._end_timing(before)
            ended_ns = self._consuming.last_ns or self._clock()
        elapsed_ns = ended_ns - (self._consuming.first_ns or ended_ns)
        self._note_first(pace.began_ns + due[0])
        await self._stragglers()
        offered = self._offered(whole(due[-1] - due[0], count) or due[-1], schedule)
        sample = self._sample(count, whole(elapsed_ns, count) or due[-1], usage)
        return replace(sample, offered=offered, waiting=look.waiting)

    def _paced(self, count: int, schedule: Schedule) -> tuple[Pace, array[int]]:
        """The pace of a stretch, with when each of its messages is due from its beginning on."""
        arrivals, seed = self._scenario.arrivals, f"{self._seed} {self._stretches}"
        producers = len(self._producers)
        whose = array("I", owners(count, producers, arrivals, seed))
        self._pace = Pace(whose, producers, self._room, self._clock)
        return self._pace, due_ns(schedule, arrivals, count, seed)

    async def _rushed(self, count: int) -> Sample:
        assert self._room is not None
        each, more = divmod(count, len(self._producers))
        shares = [each + (number < more) for number in range(len(self._producers))]
        turns = [Rush(self._clock, share, self._room).turn for share in shares]
        before = self._begin_timing()
        began_ns = self._clock()
        await self._moving(self._playing(turns), "publishing")
        self._ledger.expect(self._played())
        await self._arrival()
        usage = self._end_timing(before)
        ended_ns = max(self._consuming.last_ns or self._clock(), *(one.last_ns for one in self._producers))
        self._note_first(began_ns)
        await self._stragglers()
        return self._sample(count, ended_ns - began_ns, usage)

    async def _playing(self, turns: Sequence[Turn], *paces: Coroutine[Any, Any, None]) -> None:
        async with asyncio.TaskGroup() as group:
            for producer, turn in zip(self._producers, turns, strict=True):
                group.create_task(producer.play(turn))
            for pace in paces:
                group.create_task(pace)

    def _played(self) -> list[range]:
        """The keys that were sent; to be asked for once."""
        return [wanted for producer in self._producers for wanted in producer.played()]

    def _progress(self) -> int:
        """A schedule whose next message is not due yet is no standstill: nothing is waited for."""
        sent = sum(producer.sent for producer in self._producers)
        answered = sum(producer.confirmed for producer in self._producers)
        if self._pace is not None and self._pace.idle and answered == sent < self._pace.messages:
            return self._clock()
        return super()._progress()

    def _offered(self, scheduled_ns: int, schedule: Schedule) -> Offered:
        assert self._pace is not None
        slip = Histogram()
        slip.add_all(self._pace.slip_ns)
        ledger = self._timed_ledger
        uncorrected, _ = latency_histogram(ledger.uncorrected_ns)
        return Offered(
            scheduled_s=scheduled_ns / 1e9,
            overruns=self._pace.overruns,
            slip=slip,
            uncorrected=uncorrected,
            steps=_steps(ledger, schedule, self._pace.began_ns, self._copies) if ledger.keeps_times else (),
        )


def _steps(ledger: OpenLedger, schedule: Schedule, began_ns: int, copies: int) -> tuple[Stepped, ...]:
    due = [at - began_ns for at in ledger.due_ns]
    return by_step(schedule, due, [at - began_ns for at in ledger.received_ns], copies)


def whole(first_to_last_ns: int, count: int) -> int:
    """The time that ``count`` messages take, from that between the first and the last: one gap more."""
    return round(first_to_last_ns * count / max(1, count - 1))
