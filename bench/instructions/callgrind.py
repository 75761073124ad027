"""A worker under valgrind's callgrind: the words before its command, and the counts that it leaves behind."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.errors import EngineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

OUT = "callgrind.out"
MARK = "getpriority"
"""The C function whose call is a mark; see ``bench.counting.Marks``."""
_INSTALLERS = {
    "apt-get": "sudo apt-get install valgrind",
    "dnf": "sudo dnf install valgrind",
    "pacman": "sudo pacman -S valgrind",
    "zypper": "sudo zypper install valgrind",
    "apk": "sudo apk add valgrind",
}
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
_FUNCTION = re.compile(r"(c?)fn=\((\d+)\)(?: (.*))?")


def check() -> None:
    """Raises UsageError, with how to mend it, where nothing can be counted."""
    if sys.platform == "win32":
        raise UsageError("--meter instructions needs valgrind, which there is not for Windows")
    if shutil.which("valgrind") is None:
        line = next((line for name, line in _INSTALLERS.items() if shutil.which(name)), "")
        raise UsageError(
            "--meter instructions needs valgrind, which is not installed; install it with: "
            f"{line or _INSTALLERS['apt-get']}"
        )


def prefix(folder: Path) -> list[str]:
    """What stands before a worker's command, for callgrind to leave its counts in that folder."""
    return [
        *_without_random_addresses(),
        "valgrind",
        "--quiet",
        "--tool=callgrind",
        "--vgdb=no",  # whose pipes in the temporary folder outlive a worker that is killed
        f"--callgrind-out-file={folder / OUT}",
        f"--dump-before={MARK}",
    ]


def _without_random_addresses() -> Sequence[str]:
    """Addresses are hashes of objects, too; in a container it may be forbidden to have them equal."""
    words = ("setarch", "-R")
    if shutil.which(words[0]) is None:
        return ()
    allowed = subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    return words if allowed else ()


def stretches(folder: Path) -> list[Path]:
    """The profiles of the timed stretches so far, in their order.

    Callgrind writes the first part at the first mark, which begins the first stretch; so every second is
    of a stretch.
    """
    parts = sorted(folder.glob(f"{OUT}.*"), key=lambda path: int(path.suffix[1:]))
    return parts[1::2]


def total(part: Path) -> int:
    """How many instructions a part counted; raises EngineError where it does not say."""
    match = _TOTAL.search(part.read_text(encoding="utf-8", errors="replace"))
    if match is None:
        raise EngineError(f"callgrind left no count in {part.name}")
    return int(match[1])


def by_function(part: Path) -> dict[str, int]:
    """The instructions of each C function itself, without what it called."""
    counts: dict[str, int] = {}
    for name, cost in _self_costs(part):
        counts[name] = counts.get(name, 0) + cost
    return counts


def _self_costs(part: Path) -> Iterator[tuple[str, int]]:
    """Reads callgrind's format 1, in which a name is spelt out once and a number from then on."""
    names: dict[str, str] = {}
    function, of_call = "", False
    with part.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if (match := _FUNCTION.match(line)) is not None:
                called, number, name = match.groups()
                if name is not None:
                    names[number] = name.strip().partition("'")[0]  # 'N: at the N-th depth of a recursion
                if not called:
                    function = names.get(number, "?")
            elif line.startswith("calls="):
                of_call = True  # the next line is what the callee cost
            elif function and line[:1] in "0123456789+-*":
                if not of_call:
                    yield function, int(line.split()[1])
                of_call = False
