"""How many units of extra work make a message so much slower here: a guess, which references correct."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import results, session
from bench.ledger.injected import unit_s

if TYPE_CHECKING:
    from bench.session import Say

# A drained pipeline costs about as much as a few messages; a guess, as only a reference can tell.
_MESSAGES_A_DRAIN = 5.0


async def message_s(client: str, broker: str, *, say: Say) -> float:
    """How long a message of the headline takes this client here: the fastest of a few short rounds."""
    with tempfile.TemporaryDirectory() as folder:
        request = session.Request(
            scenarios=(),
            clients=(client,),
            loops=("asyncio",),
            broker=broker,
            values={},
            rounds=session.QUICK_ROUNDS,
            slices=None,
            seed=None,
            limit_s=10.0,
            output=Path(folder) / "run",
            results=Path(folder),
            quick=True,
            command=(),
        )
        finished = await session.run(request, say=say, tell=lambda _: None)
        rows = results.load(finished.folder).rows
    return 1 / max(float(row["rate_per_s"]) for row in rows)


async def units_for(kind: str, level: float, message_s: float) -> float:
    """Units that should cost the share ``level`` of a message."""
    if kind == "batching":
        return level / _MESSAGES_A_DRAIN
    return level * message_s / (await _hop_s() if kind == "hop" else unit_s(kind))


async def _hop_s(turns: int = 20_000) -> float:
    began_s = time.perf_counter()
    for _ in range(turns):
        await asyncio.sleep(0)
    return (time.perf_counter() - began_s) / turns
