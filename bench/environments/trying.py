"""Imports an adapter and a loop in an environment, before anything is measured in it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from bench.environments.cache import python_in
from bench.environments.running import ended
from bench.environments.wanted import find_loop
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.environments.wanted import Wanted

LIMIT_S = 60.0
_TRY = (
    "import sys; from bench.loops import factory; from bench.worker import load;"
    " factory(sys.argv[2])().close(); load(sys.argv[1])"
)


async def tried(folder: Path, wanted: Wanted, bench_path: Path) -> None:
    """Raises UsageError if adapter or loop cannot be imported. What worked once is not tried again."""
    adapter, loop = wanted.entry.adapter, find_loop(wanted.loop).name
    proof = folder / f"imports-{_version(adapter, loop, bench_path)}"
    if proof.exists():
        return
    try:
        answer = await ended(
            [str(python_in(folder)), "-P", "-c", _TRY, adapter, loop],
            cwd=folder,
            variables={"PYTHONPATH": str(bench_path)},
            limit_s=LIMIT_S,
        )
    except TimeoutError:
        raise UsageError(f"{wanted} does not finish its import within {LIMIT_S:g} s") from None
    except OSError as error:
        raise UsageError(f"{wanted}: its Python cannot be run: {error}") from error
    if answer.code:
        last = (answer.said.strip().splitlines() or [f"exit code {answer.code}"])[-1]
        raise UsageError(f"{wanted} fails to import on Python {wanted.python.version}: {last[:300]}")
    proof.touch()


def _version(adapter: str, loop: str, bench_path: Path) -> str:
    """Changes with the adapter, the loop, and our own half, whose folder is named by its content."""
    own = Path(adapter).read_bytes() if adapter.endswith(".py") else b""
    return hashlib.sha256(f"{adapter}\0{loop}\0{bench_path.name}\0".encode() + own).hexdigest()[:16]
