"""A client that delivers what was returned twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from bench.client import Client, Judge, Receive
    from bench.clients.memory import Queue


class CopiesReturned(Memory):
    abilities = Abilities(distribution="", protocol="memory", requeues=True)

    async def deliver_again(self, place: Queue, receive: Receive) -> None:
        judge: Judge = receive  # type: ignore[assignment]  # what target.requeues says
        while True:
            while place.ready:
                body = place.ready.popleft()
                if judge(body, False):
                    judge(body, True)
                    judge(body, True)
            place.emptied.set()
            place.filled.clear()
            await place.filled.wait()


CLIENT: Client = CopiesReturned()
