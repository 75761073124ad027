"""Workers as subprocesses of this one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections import deque
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import errors
from bench.errors import WorkerFailedError, WorkerStuckError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from bench.engine import Answer

LINE_LIMIT_BYTES = 1 << 26
_HERE = Path(__file__).parent.parent.parent
_GRACE_S = 2.0


class LocalWorker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._last_words: deque[str] = deque(maxlen=20)

    @property
    def pids(self) -> tuple[int, ...]:
        return (self._process.pid,)

    async def ask(self, command: Mapping[str, Any], limit_s: float) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            await self._process.stdin.drain()
        except OSError:
            raise await self._ended() from None
        try:
            async with asyncio.timeout(limit_s):
                line = await self._process.stdout.readline()
        except TimeoutError:
            what = command["do"]
            raise WorkerStuckError(f"the worker did not answer {what!r} within {limit_s:g} s") from None
        if not line:
            raise await self._ended()
        answer: Answer = json.loads(line)
        if "failed" in answer:
            raise getattr(errors, answer["kind"], WorkerFailedError)(answer["failed"])
        return answer

    async def _ended(self) -> WorkerFailedError:
        code = await self._process.wait()
        await asyncio.sleep(0)  # lets the reader of its last words catch up
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        said = f"; it last said: {self._last_words[-1]}" if self._last_words else ""
        return WorkerFailedError(f"the worker {how}{said}")

    async def listen(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._last_words.append(line.decode(errors="replace").rstrip()[:300])

    async def end(self) -> None:
        """Closing its input tells a worker to end; one that does not is killed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_GRACE_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


class LocalEngine:
    """``prefix`` is what stands before a worker's command: a program that runs another, such as valgrind."""

    def __init__(self, prefix: Sequence[str] = ()) -> None:
        self._prefix = tuple(prefix)

    @asynccontextmanager
    async def worker(self, python: str, environment: Mapping[str, str]) -> AsyncIterator[LocalWorker]:
        process = await asyncio.create_subprocess_exec(
            *self._prefix,
            python,
            "-P",  # the folder that we run in is not where a worker finds its modules
            "-m",
            "bench.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(_HERE), **environment},
            limit=LINE_LIMIT_BYTES,
            start_new_session=True,  # Ctrl-C is for the parent, which ends its workers itself
        )
        worker = LocalWorker(process)
        listening = asyncio.create_task(worker.listen(), name=f"stderr of worker {process.pid}")
        try:
            yield worker
        finally:
            await asyncio.shield(asyncio.ensure_future(worker.end()))
            listening.cancel()
