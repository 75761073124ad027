"""Which functions a case's work is in: C functions from callgrind, Python's by the bytecodes they execute.

Callgrind sees only the interpreter at work. So the same slices are repeated without it, and the interpreter
counts the bytecodes of each function: exact as the instructions are, though a bytecode is no fixed amount
of work, and what a compiled function does is in none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.client import NO_FILES, Tls
from bench.engine.local import LocalEngine
from bench.instructions.counting import START_LIMIT_S, connected, message_counts, slopes, taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.brokers import Broker
    from bench.environments import Environment
    from bench.instructions.counting import Counted
    from bench.plan import Case


async def bytecodes(
    case: Case, environment: Environment, broker: Broker, *, limit_s: float, tls: Tls = NO_FILES
) -> dict[str, float]:
    """The bytecodes a message of each Python function; raises EngineError and its kinds."""
    fewer, more = message_counts(case)
    async with connected(
        LocalEngine(), case, environment, broker, meter="bytecodes", limit_s=limit_s, tls=tls
    ) as one:
        worker, _ = one
        await taken(worker, fewer, limit_s)
        found: list[dict[str, int]] = []
        for count in (fewer, more):
            await taken(worker, count, limit_s)
            found.append((await worker.ask({"do": "bytecodes"}, START_LIMIT_S))["bytecodes"])
        await worker.ask({"do": "close"}, START_LIMIT_S)
    return slopes(found[0], found[1], more - fewer)


def rows(case: Case, counted: Counted, executed: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """The rows of profile.csv for a case, the most first."""
    for language, counts in (("Python", executed), ("C", counted.functions)):
        for name, count in sorted(counts.items(), key=lambda one: -one[1]):
            if count >= LEAST:
                yield {
                    "case": case.number,
                    "language": language,
                    "function": _named(name, case),
                    "per_message": count,
                }


LEAST = 0.05
"""Bytecodes or instructions a message below which a function is left out: it is not part of the work."""


def _named(function: str, case: Case) -> str:
    """An adapter has the same name on both sides, whatever its file is called."""
    for module in (f"bench.clients.{case.entry.adapter}.", "adapter_under_test."):
        if function.startswith(module):
            return f"adapter.{function.removeprefix(module)}"
    return function
