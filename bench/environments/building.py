"""Environments of their own for what is not installed here: built with uv, kept, and locked while in use."""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.environments import cache
from bench.environments.here import labelled
from bench.environments.lock import locked, remove_lock
from bench.environments.origin import copy_checkout
from bench.environments.running import ended
from bench.environments.trying import tried
from bench.environments.uv import for_want_of_network, said_briefly, uv
from bench.environments.wanted import find_loop
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from bench.environments.wanted import Order

    Say = Callable[[str], None]

BUILD_LIMIT_S = 1800.0
"""Some clients and loops are compiled where there is no wheel."""


@asynccontextmanager
async def opened(order: Order, bench_path: Path, *, say: Say) -> AsyncIterator[cache.Built]:
    """The environment of an order, built if it is not there, and proven to import what it is for.

    Nobody prunes it within the block. Raises UsageError.
    """
    root = cache.environments()
    folder, lock = root / order.key, root / f"{order.key}.lock"

    def waiting() -> None:
        say(f"environment: waiting for another run, which builds the one for {order.wanted}")

    while True:
        async with locked(lock, shared=True, waiting=waiting):
            if (built := cache.stored(folder)) is not None:
                await tried(folder, order.wanted, bench_path)
                os.utime(folder / cache.RECORD)  # last used
                yield built
                return
        async with locked(lock, shared=False, waiting=waiting):
            if cache.stored(folder) is None:
                try:
                    await _build(order, folder, bench_path, say=say)
                except BaseException:
                    remove_lock(lock)
                    raise


async def _build(order: Order, folder: Path, bench_path: Path, *, say: Say) -> None:
    """In a folder beside it, which takes its name when all is well; an interrupted build leaves nothing."""
    building = folder.with_name(folder.name + cache.BUILDING)
    program = uv(str(order.wanted))
    say(f"environment: building one for {order.wanted}")
    began_s = time.monotonic()
    shutil.rmtree(building, ignore_errors=True)  # of a build that was killed: the lock is ours
    try:
        building.mkdir(parents=True)
        await _filled(program, order, building)
        record = await _record(program, order, building)
        await tried(building, order.wanted, bench_path)
        (building / cache.RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)  # one whose interpreter is gone
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    versions = ", ".join(f"{name} {version}" for name, version in record["packages"].items())
    say(f"environment: built in {time.monotonic() - began_s:.1f} s: {versions or 'nothing but Python'}")


async def _filled(program: Sequence[str], order: Order, building: Path) -> None:
    sources = building / "sources"
    for index, origin in enumerate(order.origins):
        if origin.checkout is not None:
            copy_checkout(origin, sources / str(index))
    python = order.wanted.python.base
    words = ["venv", "--quiet", "--no-project", "--relocatable", "--allow-existing", "--python", python]
    await _uv(program, order, building, [*words, str(building)])
    if order.asked:
        words = ["pip", "install", "--quiet", "--python", str(cache.python_in(building))]
        await _uv(program, order, building, [*words, *order.installed_from(sources)])
    shutil.rmtree(sources, ignore_errors=True)


async def _record(program: Sequence[str], order: Order, building: Path) -> dict[str, Any]:
    words = ["pip", "list", "--quiet", "--format", "json", "--python", str(cache.python_in(building))]
    listed = json.loads(await _uv(program, order, building, words))
    packages: dict[str, str] = {canonicalize_name(one["name"]): one["version"] for one in listed}
    for text in order.asked:
        if canonicalize_name(Requirement(text).name) not in packages:
            raise UsageError(f"{text} installs nothing on Python {order.wanted.python.version}")
    requirement, loop = order.wanted.requirement, find_loop(order.wanted.loop)
    client = canonicalize_name(requirement.name) if requirement is not None else ""
    own = {client, canonicalize_name(loop.distribution)}
    return {
        "asked": list(order.asked),
        "python_version": order.wanted.python.version,
        "client_version": labelled(packages[client], order.client_origin.label) if client else "",
        "requires": " ".join(f"{name}=={packages[name]}" for name in sorted(packages) if name not in own),
        "loop_version": packages.get(canonicalize_name(loop.distribution), order.wanted.python.version),
        "packages": packages,
    }


async def _uv(program: Sequence[str], order: Order, building: Path, words: Sequence[str]) -> str:
    """What uv answers; raises UsageError with its reason."""
    try:
        answer = await ended([*program, *words], cwd=building, limit_s=BUILD_LIMIT_S)
    except TimeoutError:
        raise UsageError(f"uv did not build {order.wanted} within {BUILD_LIMIT_S:g} s") from None
    except OSError as error:
        raise UsageError(f"uv cannot be run: {error}") from error
    if answer.code == 0:
        return answer.out
    reason = said_briefly(answer.said)
    if for_want_of_network(answer.said):
        raise UsageError(
            f"{order.wanted} needs an environment of its own; none is cached, and uv cannot get one "
            f"without a network ({reason})"
        )
    raise UsageError(f"there can be no environment for {order.wanted}: {reason}")
