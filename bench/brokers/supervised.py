"""Holds a broker's processes from the harness's side: starts their supervisor, listens to it, ends it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil

from bench.brokers import supervise
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence

T = TypeVar("T")

GRACE_S = 5.0
START_LIMIT_S = 10.0  # of the supervisor and of the processes, not of what they then prepare
LINES_KEPT = 50
LINE_LIMIT_CHARACTERS = 500
LINE_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        return {"argv": list(self.argv), "env": dict(self.env)}


class Supervised:
    """Processes that run, each the one after it in need of it; the last is the broker."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, secret: str) -> None:
        self.folder = folder
        self.pids: tuple[int, ...] = ()
        self.exit_code: int | None = None
        self._process = process
        self._secret = secret
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._fresh: asyncio.Queue[str] = asyncio.Queue(LINES_KEPT)
        self._ended: str | None = None
        self._started, self._over = asyncio.Event(), asyncio.Event()

    @property
    def tail(self) -> list[str]:
        """The last lines that the processes printed."""
        return list(self._lines)

    def forget(self) -> None:
        """Makes what was printed so far no part of the tail."""
        self._lines.clear()

    @property
    def ended(self) -> str | None:
        """None while all processes live; afterwards how the first of them ended."""
        if self._ended is None and self._process.returncode is None and all(map(_lives, self.pids)):
            return None
        return self._ended or "it ended"

    def last_words(self) -> str | None:
        """None while all processes live; afterwards how it ended and the last that it said."""
        if (how := self.ended) is None or not self._lines:
            return how
        return f"{how}; it last said: {self._lines[-1]}"

    async def until_started(self, name: str, limit_s: float) -> None:
        """Raises BrokerError where a process could not be started."""
        try:
            async with asyncio.timeout(limit_s):
                await self._started.wait()
        except TimeoutError:
            raise BrokerError(
                f"cannot start {name}: its supervisor did not answer within {limit_s:g} s"
            ) from None
        if self._ended is not None and not self.pids:
            raise BrokerError(f"cannot start {name}: {self._ended}")

    async def until_over(self, limit_s: float) -> None:
        """For commands that end on their own; raises BrokerError where they do not within the limit."""
        try:
            async with asyncio.timeout(limit_s):
                await self._over.wait()
        except TimeoutError:
            said = f"; it last said: {self._lines[-1]}" if self._lines else ""
            raise BrokerError(f"it did not end within {limit_s:g} s{said}") from None

    async def until_heard(self) -> None:
        """Once its processes have ended: until all of their last words have come in."""
        if self.ended is not None:
            with contextlib.suppress(BrokerError):
                await self.until_over(START_LIMIT_S)

    async def next_line(self, limit_s: float) -> str:
        """The next line that was printed; raises BrokerError where there is none, and at the limit."""
        line, over = asyncio.ensure_future(self._fresh.get()), asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait((line, over), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if line.done():
                return line.result()
        finally:
            line.cancel()
            over.cancel()
        raise BrokerError(self.last_words() or f"it said nothing within {limit_s:g} s")

    async def hear(self) -> None:
        """Takes in what is printed and reported, until both are over."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear_output(), name="output")
            group.create_task(self._hear_reports(), name="reports")
        self._over.set()

    async def _hear_output(self) -> None:
        assert self._process.stdout is not None
        async for raw in _lines_of(self._process.stdout):
            line = raw.decode(errors="replace").rstrip()[:LINE_LIMIT_CHARACTERS]
            if line:
                self._lines.append(line.replace(self._secret, "…") if self._secret else line)
                if not self._fresh.full():
                    self._fresh.put_nowait(line)

    async def _hear_reports(self) -> None:
        assert self._process.stderr is not None
        async for raw in _lines_of(self._process.stderr):
            try:
                facts = json.loads(raw)
            except ValueError:
                facts = {"ended": f"its supervisor failed: {raw.decode(errors='replace').strip()}"}
            self.pids = tuple(facts.get("pids", self.pids))
            self.exit_code = facts.get("code", self.exit_code)
            self._ended = facts.get("ended", self._ended)
            self._started.set()
        self._ended = self._ended or "its supervisor ended"
        self._started.set()


@asynccontextmanager
async def supervised(
    name: str,
    *commands: Command,
    files: Mapping[str, str] | None = None,
    folder: Path | None = None,
    closing: Sequence[Command] = (),
    grace_s: float = GRACE_S,
    secret: str = "",
) -> AsyncIterator[Supervised]:
    """Processes that live within the block at most, in a temporary folder that exists no longer than they.

    ``files`` are written into the folder first (see ``new_folder`` for texts that need its path), ``closing``
    commands run after the processes have ended, and ``secret`` is blotted out of what the processes print.
    Raises BrokerError where a process cannot be started.
    """
    folder = folder or new_folder(name)
    process = await asyncio.create_subprocess_exec(
        # By path and isolated: 30 ms instead of importing the harness, and none of its memory.
        *(sys.executable, "-I", "-S", supervise.__file__, str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_LIMIT_BYTES,
        start_new_session=os.name != "nt",  # Ctrl-C is for the harness, which then ends the broker in order
    )
    assert process.stdin is not None
    held = Supervised(process, folder, secret)
    ear = asyncio.create_task(held.hear(), name=f"words of {name}")
    task = {
        "folder": str(folder),
        "files": dict(files or {}),
        "commands": [command.to_json() for command in commands],
        "closing": [command.to_json() for command in closing],
        "grace_s": grace_s,
    }
    try:
        process.stdin.write(json.dumps(task).encode() + b"\n")
        await held.until_started(name, START_LIMIT_S)
        yield held
    finally:
        limit_s = grace_s + 2 * supervise.REAP_LIMIT_S + len(closing) * supervise.CLOSING_LIMIT_S + 1
        await to_its_end(_end(process, ear, folder, limit_s))


def new_folder(name: str) -> Path:
    """A path that nothing has; the supervisor makes it, so that nothing is left if we die before that."""
    return Path(tempfile.gettempdir(), f"mqbench-{name}-{secrets.token_hex(6)}")


async def _end(
    process: asyncio.subprocess.Process, ear: asyncio.Task[None], folder: Path, limit_s: float
) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(limit_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    ear.cancel()  # a process that escaped (not on Linux) could hold the pipes open
    await asyncio.wait([ear])
    shutil.rmtree(folder, ignore_errors=True)  # where somebody killed the supervisor


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Finishes ``work``, which must be limited in time, even when cancelled meanwhile; then is cancelled."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        raise cancelled
    return task.result()


async def _lines_of(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Like iterating over the stream, but a line beyond its limit is skipped instead of ending everything."""
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            continue
        if not line:
            return
        yield line


def _lives(pid: int) -> bool:
    """Also False for a zombie: its sockets are closed although its supervisor has not buried it yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
