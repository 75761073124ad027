"""What every command that measures does between its options and its exit code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from bench.cli.options import BROKER_VARIABLE, RESULTS
from bench.cli.output import interruptible, live, to_stderr
from bench.cli.report import written_after
from bench.cli.show import print_stored, stored_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path

Request = TypeVar("Request")
Finished = TypeVar("Finished")


def requested(kind: Callable[..., Request], **asked: Any) -> Request:
    """What was asked for, with the command that asked and the folder where runs are kept."""
    os.environ.pop(BROKER_VARIABLE, None)  # it may hold a password, and no child needs it
    if asked.get("resume") is not None:
        asked["resume"] = stored_folder(asked["resume"])
    return kind(results=RESULTS, command=tuple(sys.argv[1:]), **asked)


def measured(carry_out: Callable[..., Coroutine[Any, Any, Finished]], request: object) -> Finished:
    """Carries the request out while a person sees how far it is; see :func:`bench.cli.output.live`."""
    with live() as (say, tell):
        return interruptible(carry_out(request, say=say, tell=tell))


def shown(folder: Path, failures: Mapping[int, str], *, shape: str, has_report: bool) -> None:
    """Prints a run that has just ended, writes its page if it shall have one, says why rows are invalid."""
    print_stored(folder, shape)
    if has_report:
        written_after(folder)
    for failure in failures.values():
        to_stderr(f"invalid: {failure}")
