"""A lock on a file: shared by those who use an environment, held alone by who builds or removes it."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

POLL_S = 0.05


@asynccontextmanager
async def locked(path: Path, *, shared: bool, waiting: Callable[[], None]) -> AsyncIterator[None]:
    """Waits for the lock; ``waiting`` is called once if somebody has it. Who is dead holds no lock."""
    told = False
    while (held := _taken(path, shared=shared)) is None:
        if not told:
            waiting()
            told = True
        await asyncio.sleep(POLL_S)
    try:
        yield
    finally:
        held.close()


@contextmanager
def locked_alone_if_free(path: Path) -> Iterator[bool]:
    """Whether nobody else holds the lock; if so it is held for the block."""
    held = _taken(path, shared=False)
    try:
        yield held is not None
    finally:
        if held is not None:
            held.close()


def remove_lock(path: Path) -> None:
    """By whoever holds it alone; those who wait notice. Windows keeps an open file: it stays, empty."""
    with suppress(OSError):
        path.unlink()


def _taken(path: Path, *, shared: bool) -> IO[bytes] | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("a+b")
    if _lock(handle, shared=shared) and _is_still(handle, path):
        return handle
    handle.close()
    return None


def _is_still(handle: IO[bytes], path: Path) -> bool:
    """Not if its last holder has removed the file: the lock of a removed file locks nobody out."""
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _lock(handle: IO[bytes], *, shared: bool) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBRLCK if shared else msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
