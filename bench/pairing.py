"""Two workers that are driven as one: one library sends, another receives what it has sent."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from bench.driver import SLICE_S
from bench.errors import DishonestError
from bench.histogram import Histogram
from bench.payload import Account
from bench.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.engine import Answer, WorkerHandle


GRACE_S = 1.0


class Pair:
    """Answers what a single worker answers. ``receiving`` replaces what the receiver connects with.

    A sample's ``usage`` is that of both processes together, ``consumer_usage`` the receiver's part of it.
    """

    def __init__(self, sender: WorkerHandle, receiver: WorkerHandle, *, receiving: Mapping[str, Any]) -> None:
        self._sender = sender
        self._receiver = receiver
        self._receiving = receiving
        self._scenario = Scenario()
        self._fewest = 1

    @property
    def pids(self) -> Sequence[int]:
        return (*self._sender.pids, *self._receiver.pids)

    async def ask(self, command: Mapping[str, Any], limit_s: float) -> Answer:
        """Raises what a worker's ``ask`` raises; the worker that goes wrong first is the reason."""
        match command["do"]:
            case "connect":
                return await self._connect(command, limit_s)
            case "warm-up":
                return await self._warm_up(limit_s)
            case "slice":
                return {"sample": await self._slice(command["messages"], limit_s)}
            case _:
                return await self._close(limit_s)

    async def _connect(self, command: Mapping[str, Any], limit_s: float) -> Answer:
        self._scenario = Scenario.from_json(command["scenario"])
        receiving = {**command, **self._receiving, "role": "receive"}
        setup = (await self._receiver.ask(receiving, limit_s))["connected"]
        answer = await self._sender.ask({**command, "role": "send"}, limit_s)
        setup["connect_s"] = answer["connected"]["connect_s"]
        await self._probe(limit_s)
        setup["join_s"] = (await self._receiver.ask({"do": "join"}, limit_s))["join_s"]
        return {**answer, "connected": setup}

    async def _probe(self, limit_s: float) -> None:
        """As a single worker does: what was confirmed must be in the broker before anybody consumes it."""
        if self._scenario.guarantee != "at-least-once":
            return
        if not (await self._receiver.ask({"do": "asks-depth"}, limit_s))["asks_depth"]:
            return
        count = self._scenario.in_flight * self._scenario.producers
        await self._set_out(count, limit_s)
        await self._sender.ask({"do": "send"}, limit_s)
        await self._receiver.ask({"do": "check", "confirmed": count}, limit_s)
        account = Account(**(await self._receiver.ask({"do": "drain"}, limit_s))["account"])
        if not account.whole(count):
            raise DishonestError(f"{account.describe(count)} while the clients were being connected")

    async def _set_out(self, count: int, limit_s: float) -> None:
        prepared = await self._sender.ask({"do": "prepare", "messages": count}, limit_s)
        self._fewest = prepared["fewest"]
        await self._receiver.ask({"do": "expect", "ranges": prepared["ranges"]}, limit_s)

    async def _warm_up(self, limit_s: float) -> Answer:
        """As a single worker does: ever longer slices, for the scenario's warm-up time."""
        until_s = time.monotonic() + self._scenario.warmup_s
        count, total = 2 * self._scenario.producers * self._scenario.in_flight, Account()
        while True:
            sample = await self._slice(count, limit_s)
            account = Account(**sample["account"])
            total += account
            rate_per_s = account.received / sample["elapsed_s"]
            if time.monotonic() >= until_s or not account.whole(count):
                parts = ("received", "lost", "duplicated", "reordered", "corrupted", "requeued")
                await self._receiver.ask({"do": "rewind"}, limit_s)
                told = {name: getattr(total, name) for name in parts}
                return {"rate_per_s": rate_per_s, "fewest": self._fewest, "account": told}
            count = max(self._fewest, min(4 * count, round(rate_per_s * SLICE_S)))

    async def _slice(self, count: int, limit_s: float) -> Answer:
        await self._set_out(count, limit_s)
        arriving = asyncio.ensure_future(self._receiver.ask({"do": "arrive"}, limit_s))
        sending = asyncio.ensure_future(self._sender.ask({"do": "send"}, limit_s))
        try:
            await asyncio.wait((arriving, sending), return_when=asyncio.FIRST_EXCEPTION)
            if not sending.done():  # what is not sent cannot arrive: the sender's reason is the better one
                await asyncio.wait((sending,), timeout=GRACE_S)
            sent, came = [one.result() for one in (sending, arriving) if one.done()]
        finally:
            for one in (arriving, sending):
                one.cancel()
            await asyncio.gather(arriving, sending, return_exceptions=True)
        ended_ns = came["last_ns"] if sent["confirmed"] is None else max(came["last_ns"], sent["last_ns"])
        return {
            "messages": count,
            "sent": sent["sent"],
            "confirmed": sent["confirmed"],
            "account": came["account"],
            "received_bytes": came["received_bytes"],
            "elapsed_s": max(ended_ns - sent["began_ns"], 1) / 1e9,
            "usage": {name: used + came["usage"][name] for name, used in sent["usage"].items()},
            "consumer_usage": came["usage"],
            "traffic": _both_ways(sent["traffic"], came["traffic"]),
            "latency": came["latency"],
            "confirm": sent["confirm"],
            "lag": _both(sent["lag"], came["lag"]),
            "negative_latencies": came["negative_latencies"],
        }

    async def _close(self, limit_s: float) -> Answer:
        """The sender first: the receiver takes the queues with it."""
        closed = [await one.ask({"do": "close"}, limit_s) for one in (self._sender, self._receiver)]
        return {"closed": {"peak_rss_bytes": sum(one["closed"]["peak_rss_bytes"] for one in closed)}}


def _both_ways(one: Answer | None, other: Answer | None) -> Answer | None:
    """What went over the connections of both processes; None where that of one is not known."""
    return None if one is None or other is None else {name: one[name] + other[name] for name in one}


def _both(one: Sequence[int], other: Sequence[int]) -> list[int]:
    total = Histogram.from_pairs(one)
    total.merge(Histogram.from_pairs(other))
    return total.to_pairs()
