"""From what a case asks for to an interpreter that can import it, with the versions that it resolved to."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.environments import cache
from bench.environments.building import opened
from bench.environments.cache import COLUMNS, Built, Pruned, listed, prune
from bench.environments.here import (
    commit_label,
    dependencies,
    installed_version,
    labelled,
    loop_version,
    pinned,
)
from bench.environments.interpreter import Interpreter
from bench.environments.interpreter import find as find_python
from bench.environments.interpreter import ours as our_python
from bench.environments.measured import OURS, copied_under
from bench.environments.origin import commit_at, top_of
from bench.environments.wanted import Wanted, find_loop, missing, order_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

__all__ = [
    "COLUMNS",
    "Built",
    "Environment",
    "Interpreter",
    "Pruned",
    "Wanted",
    "commit_at",
    "current",
    "find_loop",
    "find_python",
    "installed_version",
    "listed",
    "loop_version",
    "missing",
    "order_of",
    "our_python",
    "pinned",
    "prepared",
    "prune",
    "top_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An interpreter, and the resolved versions in it. ``requires`` is ``name==version`` a dependency.

    ``loop`` is the loop's name for a worker; ``bench_path`` is the folder from which one imports ``bench``.
    """

    python: str
    python_version: str
    client_version: str
    requires: str
    loop: str
    loop_version: str
    bench_path: str


@asynccontextmanager
async def prepared(
    wanted: Iterable[Wanted], *, say: Callable[[str], None]
) -> AsyncIterator[Mapping[Wanted, Environment]]:
    """The environment of each, built where there is none yet, and proven to import what is asked for.

    Until the block is left they are not pruned. Raises UsageError, with nothing half-built left behind.
    """
    async with AsyncExitStack() as stack:
        found: dict[Wanted, Environment] = {}
        for one in dict.fromkeys(wanted):
            if one.is_here:
                found[one] = await current(one)
                continue
            bench_path = copied_under(cache.measured())
            built = await stack.enter_async_context(opened(await order_of(one), bench_path, say=say))
            found[one] = Environment(
                python=str(built.python),
                python_version=built.python_version,
                client_version=built.client_version or _our_version(),
                requires=built.requires,
                loop=find_loop(one.loop).name,
                loop_version=built.loop_version,
                bench_path=str(bench_path),
            )
        yield found


async def current(wanted: Wanted) -> Environment:
    """The environment that runs us, for what ``is_here``."""
    distribution = wanted.entry.abilities.distribution
    loop = find_loop(wanted.loop)
    return Environment(
        python=sys.executable,
        python_version=our_python().version,
        client_version=labelled(installed_version(distribution) or "", await commit_label(distribution)),
        requires=" ".join(dependencies(distribution)) if distribution else "",
        loop=loop.name,
        loop_version=(loop.distribution and installed_version(loop.distribution)) or our_python().version,
        bench_path=str(OURS.parent),
    )


def _our_version() -> str:
    return installed_version("") or ""
