"""What the sides of a comparison are called in words, from rows of trials.csv. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.cell import client_name, versioned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.sides import Arms

    Row = Mapping[str, Any] | None


def sides(arms: Arms, base: Row, candidate: Row) -> tuple[str, str]:
    """Each with the version that was measured, or as it was asked for where that does not tell them apart."""
    names = (_named(arms.differ, base, arms.base), _named(arms.differ, candidate, arms.candidate))
    return (arms.base, arms.candidate) if names[0] == names[1] and arms.base != arms.candidate else names


def place(differ: str, row: Row) -> str:
    """What the sides share: ``headline prefetch=10 with aio-pika 9.6.2 on asyncio``."""
    if row is None:
        return ""
    words = [str(row["scenario"])]
    if isinstance(row["point"], str) and (point := _without(row["point"], differ)):
        words.append(point)
    if differ != "client":
        words.append(f"with {_versioned(client_name(str(row['client'])), row['client_version'])}")
    if differ != "loop":
        words.append(f"on {client_name(str(row['loop']))}")
    return " ".join(words)


def _named(differ: str, row: Row, asked: str) -> str:
    """A side in words, with the version that was measured: ``aio-pika 9.6.2``, ``Python 3.12.4``."""
    if row is None:
        return asked
    if differ == "client":
        return _versioned(client_name(str(row["client"])), row["client_version"])
    if differ == "loop":
        return _versioned(client_name(str(row["loop"])), row["loop_version"])
    if differ == "python":
        return _versioned("Python", row["python_version"])
    return asked


def _without(point: str, differ: str) -> str:
    return " ".join(word for word in point.split() if not word.startswith(f"{differ}="))


def _versioned(name: str, version: object) -> str:
    return versioned(name, version if isinstance(version, str) else None)
