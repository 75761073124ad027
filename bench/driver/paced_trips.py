"""A case of round trips at a rate: each request is sent when it is due, and its latency counts from then.

A lane is a caller, as in a closed load: it is free again when its request is confirmed and answered. A
request that is due while every caller waits is an overrun, and its wait for one is in its latency.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.driver.open_load import OpenLedger, PacedProducer
from bench.driver.paced import PacedDriver, whole
from bench.driver.requests import Caller
from bench.driver.round_trips import RequestDriver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.arrivals import Schedule
    from bench.client import Publish
    from bench.driver.open_load import Turn
    from bench.driver.sample import Sample


class PacedRequester(Caller, PacedProducer):
    """A caller that plays: its lanes get their turns, and each waits for its answer before the next."""

    def prepare(self, count: int) -> list[range]:
        self._waiting.clear()
        return super().prepare(count)

    async def _paced_lane(self, turn: Turn, counter: Iterator[int], publish: Publish) -> None:
        clock, stamped, tail, confirmed = self._clock, self._stamped_late, self._tail, self._waits_ns.append
        waiting, create_future = self._waiting, asyncio.get_running_loop().create_future
        while (due_ns := await turn()) is not None:
            key = next(counter)
            reply = waiting[key] = create_future()  # before the request: its reply may outrun its confirm
            sent_ns, stamp = stamped(key, due_ns)
            await publish(stamp + tail)
            confirmed(clock() - sent_ns)
            await reply
            self._last_ns = clock()


class PacedRequestDriver(PacedDriver, RequestDriver):
    """Both drivers: turns follow a schedule, and what is timed is the way there and back."""

    PRODUCER = PacedRequester  # type: ignore[assignment]  # of what both have
    LEDGER = OpenLedger
    _producers: list[PacedRequester]  # type: ignore[assignment]  # as PRODUCER says
    _reply_ledger: OpenLedger

    @property
    def _timed_ledger(self) -> OpenLedger:
        return self._reply_ledger

    def _asked(self) -> list[range]:
        return self._played()

    async def _scheduled(self, count: int, schedule: Schedule) -> Sample:
        """A turn ends early where no caller is left whose answer came, as in a closed load."""
        pace, due = self._paced(count, schedule)
        before = self._begin_timing()
        await self._round_trips(self._playing(pace.turns, pace.play(due)))
        usage = self._end_timing(before)
        ended_ns = max(producer.last_ns for producer in self._producers) or self._clock()
        elapsed_ns = ended_ns - (self._replies.first_ns or ended_ns)
        self._note_first(pace.began_ns + due[0])
        asked = await self._settled()
        scheduled_ns = due[asked - 1] - due[0]
        offered = self._offered(whole(scheduled_ns, asked) or due[-1], schedule)
        sample = self._sample(asked, whole(elapsed_ns, asked) or due[-1], usage)
        return replace(sample, offered=offered)
