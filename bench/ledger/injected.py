"""Slow-downs in real code: an adapter with a known amount of extra work around each publish."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {
    "work": "extra Python work before each publish",
    "allocation": "extra objects made and dropped before each publish",
    "hop": "extra turns of the event loop before a publish",
    "batching": "publishes that wait until nothing else is in flight",
}
CLIENTS = {
    "memory": ("memory", "Memory"),
    "aioamqp": ("aioamqp", "Aioamqp"),
    "aio-pika": ("aio_pika", "AioPika"),
}

_ADAPTER = '''"""{client} with {what}: {units:g} units a message."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from bench.client import Abilities
from bench.clients.{module} import {name}

UNITS = {units!r}


class Injected({name}):
    abilities = {abilities}

    @asynccontextmanager
    async def producer(self, target, queue):
        async with super().producer(target, queue) as honest:
{publish}
            yield [with_extra(lane) for lane in honest] if isinstance(honest, list) else with_extra(honest)


CLIENT = Injected()
'''

_STEADY = """\
            extra = range(round(UNITS))

            def with_extra(lane):
                async def publish(body):
                    for _ in extra:
                        {unit}
                    await lane(body)

                return publish
"""

# Of a fraction of publishes, the debt adds up to whole ones.
_HOP = """\
            debt, entry = 0.0, asyncio.Lock()

            def with_extra(lane):
                async def publish(body):
                    nonlocal debt
                    async with entry:  # one after the other, or a message would overtake one that waits
                        debt += UNITS
                        while debt >= 1:
                            debt -= 1
                            await asyncio.sleep(0)
                    await lane(body)

                return publish
"""

_BATCHING = """\
            debt, flying, entry = 0.0, 0, asyncio.Lock()

            def with_extra(lane):
                async def publish(body):
                    nonlocal debt, flying
                    async with entry:
                        debt += UNITS
                        if debt >= 1:
                            debt -= 1
                            while flying:
                                await asyncio.sleep(0)
                        flying += 1
                    try:
                        await lane(body)
                    finally:
                        flying -= 1

                return publish
"""

_PUBLISH = {
    "work": _STEADY.format(unit="pass"),
    "allocation": _STEADY.format(unit="[{}, {}, {}]"),
    "hop": _HOP,
    "batching": _BATCHING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """``units`` of a kind of extra work in each message of a client; 0 is the same code with none."""

    client: str
    kind: str
    units: float

    def write(self, folder: Path, name: str) -> Path:
        """The adapter's file."""
        path = folder / f"{name}.py"
        path.write_text(self.source(), encoding="utf-8")
        return path

    def source(self) -> str:
        from bench.catalogue import clients  # noqa: PLC0415  # only where an adapter is written

        module, name = CLIENTS[self.client]
        able = clients()[self.client].abilities
        fields = {one: getattr(able, one) for one in able.__dataclass_fields__}
        return _ADAPTER.format(
            client=self.client,
            what=KINDS[self.kind],
            units=float(self.units),
            module=module,
            name=name,
            abilities=f"Abilities({', '.join(f'{one}={value!r}' for one, value in fields.items())})",
            publish=_PUBLISH[self.kind].rstrip("\n"),
        )


def unit_s(kind: str, *, loops: int = 200_000, tries: int = 5) -> float:
    """What a unit of steady work costs here: the least of several tries, as everything else only adds."""
    source = (
        f"def work(extra):\n    for _ in extra:\n        {'pass' if kind == 'work' else '[{}, {}, {}]'}\n"
    )
    space: dict[str, object] = {}
    exec(compile(source, kind, "exec"), space)  # noqa: S102  # the very lines that the adapter has
    work = space["work"]
    assert callable(work)
    times = []
    for _ in range(tries):
        began_s = time.perf_counter()
        work(range(loops))
        times.append(time.perf_counter() - began_s)
    return min(times) / loops
