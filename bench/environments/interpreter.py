"""Which Python: the one that runs us, or another by path or version."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from bench.environments.uv import said_briefly, uv
from bench.errors import UsageError

OLDEST = (3, 11)
LIMIT_S = 300
_ASK = (
    "import json, os, platform, sys, sysconfig;"
    "print(json.dumps([platform.python_version(), sys.version, sysconfig.get_config_var('Py_GIL_DISABLED'),"
    " os.path.realpath(getattr(sys, '_base_executable', sys.executable)), sys.implementation.name]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """``base`` is the interpreter outside any environment; ``build`` tells one build from another."""

    base: str
    version: str
    build: str
    ours: bool

    @property
    def minor(self) -> tuple[int, int]:
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)


def ours() -> Interpreter:
    """The one that runs this."""
    return Interpreter(
        base=os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
        version=_shown(platform.python_version(), sysconfig.get_config_var("Py_GIL_DISABLED")),
        build=sys.version,
        ours=True,
    )


def find(asked: str | None) -> Interpreter:
    """By path or version, ours for None; raises UsageError. uv may have to download a version."""
    mine = ours()
    if asked is None:
        return mine
    path = _path(asked)
    try:
        answer = subprocess.run(
            [path, "-I", "-c", _ASK], capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        version, build, free_threaded, base, _ = json.loads(answer.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise UsageError(f"--python {asked}: {path} does not run as a Python interpreter") from error
    found = Interpreter(
        base=base,
        version=_shown(version, free_threaded),
        build=build,
        ours=(base, build) == (mine.base, mine.build),
    )
    if found.minor < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UsageError(f"--python {asked} is Python {found.version}; workers need {oldest} or newer")
    return found


def _path(asked: str) -> str:
    if os.sep in asked or Path(asked).is_file():
        if not Path(asked).is_file():
            raise UsageError(f"--python {asked}: there is no such file")
        return str(Path(asked).absolute())
    answer = subprocess.run(
        [*uv(f"--python {asked}"), "python", "find", "--no-project", "--system", asked],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if answer.returncode:
        raise UsageError(
            f"--python {asked}: {said_briefly(answer.stderr)}; install it with: uv python install {asked}"
        )
    return answer.stdout.strip()


def _shown(version: str, free_threaded: object) -> str:
    return f"{version}t" if free_threaded else version
