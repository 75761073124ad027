"""Runs a program that is asked one thing, such as uv or git, and ends it when we are ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PYTHON", "UV_PROJECT_ENVIRONMENT")
"""What would let another environment leak into one that is built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a program said, as text, and its exit code."""

    code: int
    out: str
    said: str


async def ended(
    words: Sequence[str], *, cwd: Path, variables: Mapping[str, str] | None = None, limit_s: float = 60
) -> Ended:
    """Raises OSError when it cannot be started, TimeoutError when it takes too long."""
    inherited = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=cwd,
        env={**inherited, "NO_COLOR": "1", "GIT_TERMINAL_PROMPT": "0", **(variables or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # what it starts is ended with it; Ctrl-C is for us, who then end it
    )
    try:
        async with asyncio.timeout(limit_s):
            out, said = await process.communicate()
    finally:
        if process.returncode is None:
            _kill(process)
            await asyncio.shield(process.wait())
    assert process.returncode is not None
    return Ended(
        code=process.returncode,
        out=out.decode(errors="replace"),
        said=without_credentials(said.decode(errors="replace")),
    )


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def without_credentials(text: str) -> str:
    return re.sub(r"://[^/\s@]*@", "://…@", text)
