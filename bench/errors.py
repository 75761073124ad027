"""Everything that the harness itself can say went wrong, as one tree.

BenchError                    anything that ends a command with one clear sentence
+-- UsageError                what was asked for does not make sense, or does not exist       exit 2
|   +-- ScenarioError         a scenario whose fields do not hold together
|   +-- UnknownNameError      no scenario, client, loop, broker or field of that name
|   +-- UnsupportedError      a client or broker cannot do this; the case is skipped, with this reason
+-- ComparisonRefusedError    sides or rows that are not of the same work                     exit 4
+-- MissingCellError          what a gate is to guard cannot be measured any more             exit 6
+-- BrokerError               no broker could be had, reached or used                         exit 5
|   +-- WrongBrokerError      one that was named is not here, is too old, or leads nowhere    exit 2
+-- EngineError               a worker could not be started, died, hung or raised             exit 5
|   +-- WorkerFailedError     a worker ended or said so itself, with its reason
|   |   +-- ClientFailedError the client raised, or logged an error, while it was driven
|   |   +-- StalledError      publishing or delivery stopped moving
|   |   +-- DishonestError    the client claimed what the broker denies
|   +-- WorkerStuckError      a worker did not answer within its limit
+-- ResultsError              a results folder that cannot be written or read                 exit 2
    +-- SchemaError           a stored run that this version does not understand

Foreign errors are translated once, where they enter, with ``from``. No message holds a password.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


_NEAR = 0.6
"""Of the letters of two names, the share that they have in common and in order."""


class BenchError(Exception):
    """A failure that the harness understands; its text is shown to the user as it stands."""

    exit_code = 5


class UsageError(BenchError):
    exit_code = 2


class ScenarioError(UsageError):
    pass


class UnknownNameError(UsageError):
    """No such name: says which ones there are, the nearest first, if one is near; and ``more``, if any."""

    def __init__(self, what: str, name: str, known: Iterable[str], more: str = "") -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=_NEAR)
        hint = f"; did you mean {near[0]!r}? There" if near else "; there"
        super().__init__(f"no {what} {name!r}{hint} are: {', '.join(names)}{more}")


class UnsupportedError(UsageError):
    pass


class ComparisonRefusedError(BenchError):
    exit_code = 4


class MissingCellError(BenchError):
    exit_code = 6


class BrokerError(BenchError):
    pass


class WrongBrokerError(BrokerError):
    exit_code = 2


class EngineError(BenchError):
    pass


class WorkerFailedError(EngineError):
    pass


class ClientFailedError(WorkerFailedError):
    pass


class StalledError(WorkerFailedError):
    pass


class DishonestError(WorkerFailedError):
    pass


class WorkerStuckError(EngineError):
    pass


class ResultsError(BenchError):
    exit_code = 2


class SchemaError(ResultsError):
    pass
