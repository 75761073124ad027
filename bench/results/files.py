"""The files of a run folder: their names, who may write there, and how a text gets there whole."""

from __future__ import annotations

import errno
import os
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.errors import ResultsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if sys.platform != "win32":
    import fcntl

TRIALS, SLICES, LATENCIES, RUN = "trials.csv", "slices.csv", "latency.hlog", "run.json"
COMPARISON, CHECK = "comparison.csv", "check.json"
WORK, PROFILE, STEPS = "work.csv", "profile.csv", "steps.csv"

_NAME_ANOTHER = frozenset(
    {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOTDIR, errno.EEXIST, errno.EDQUOT}
)
"""What the operating system says where another folder would do."""


def write_text(path: Path, text: str, *, append: bool = False) -> None:
    """A whole file at once; raises ResultsError if it cannot."""
    try:
        with path.open("a" if append else "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ResultsError(f"cannot write {path} ({error.strerror})") from error


def rewrite(path: Path, text: str) -> None:
    """A file that is either as it was or has the whole of the text."""
    draft = path.with_name(f"{path.name}.part")
    draft.write_text(text, encoding="utf-8", newline="")
    draft.replace(path)


def check_unused(folder: Path) -> None:
    """Raises ResultsError where there is a folder with anything in it."""
    if folder.is_dir() and any(folder.iterdir()):
        raise ResultsError(f"the results folder {folder} is not empty; name a new one with --output")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """A run folder that is measured into by nobody else; raises ResultsError where somebody does.

    Windows has no locks of folders: there nobody looks.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ResultsError(f"another mqbench measures into {folder}: wait for its end") from None
    finally:
        os.close(descriptor)


@contextmanager
def as_results_error(folder: Path) -> Iterator[None]:
    """A folder that cannot be written to is a ResultsError; what else goes wrong stays what it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NAME_ANOTHER:
            raise
        reason = os.strerror(error.errno)
        raise ResultsError(
            f"cannot write results to {folder} ({reason}); name another folder with --output"
        ) from error


def without_credentials(word: str) -> str:
    """As it may be stored."""
    return re.sub(r"://[^/\s]*@", "://…@", word)
