"""The two sides of a comparison, read from a word each, and the one way in which they differ. Pure."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from bench.errors import ComparisonRefusedError, UnknownNameError, UsageError
from bench.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

GUARANTEES = ("guarantee", "persistent", "queue_type", "replication", "measure", "protocol")
"""What two sides must have in common unless it is allowed by name: without it a rate is of other work."""

GRAMMAR = "a client such as aio-pika==9.6.2, loop=NAME, python=VERSION or FIELD=VALUE"
_SETTING = re.compile(r"([a-z_]+)=(?!=)(.*)", re.DOTALL)
_HOW_MEASURED = {"warmup_s", "measure_s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """``differ`` is client, loop, python or a field of a scenario; ``value`` is its parsed value."""

    differ: str
    asked: str
    value: Any

    @property
    def is_field(self) -> bool:
        return self.differ in Scenario.__dataclass_fields__

    def __str__(self) -> str:
        return self.asked if self.differ == "client" else f"{self.differ}={self.asked}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """Which cases are compared, as run.json has it.

    ``differ`` is the one way in which the sides ``base`` and ``candidate``, as they were asked for, differ;
    ``pairs`` are the numbers of a base case and of its candidate.
    """

    differ: str
    base: str
    candidate: str
    pairs: tuple[tuple[int, int], ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        pairs = tuple((int(base), int(candidate)) for base, candidate in facts["pairs"])
        return cls(differ=facts["differ"], base=facts["base"], candidate=facts["candidate"], pairs=pairs)


def parse(word: str) -> Side:
    """A side from its word; raises UsageError, UnknownNameError or ScenarioError."""
    match = _SETTING.fullmatch(word)
    if match is None:
        if word.startswith((".", "/", "~")) and not word.endswith(".py"):
            raise UsageError(f"{word!r} is a path; a checkout is written 'aio-pika @ file:///path/to/it'")
        return Side(differ="client", asked=word, value=word)
    name, asked = match[1], match[2]
    if name == "broker":
        raise UsageError(
            "two brokers cannot take turns in one round: measure each with mqbench run --broker SPEC; "
            "what both sides share is --broker SPEC"
        )
    if name in _HOW_MEASURED:
        raise UsageError(f"{name} is how long it is measured, which both sides share: --set {word}")
    if name in ("client", "loop", "python"):
        if not asked:
            raise UsageError(f"the side {word!r} has no value: a side is {GRAMMAR}")
        return Side(differ=name, asked=asked, value=asked)
    if name not in Scenario().to_json():
        raise UnknownNameError("kind of side", name, ("client", "loop", "python", *Scenario().to_json()))
    if "," in asked or not asked:
        raise UsageError(f"a side has one value, got {word!r}; several cells come from --set and scenarios")
    return Side(differ=name, asked=asked, value=Scenario.parse_field(name, asked))


def parse_both(base: str, candidate: str, *, allowed: Collection[str] = ()) -> tuple[Side, Side]:
    """Both sides; raises UsageError if they differ in two ways, and as :func:`parse` and :func:`agree` do."""
    first, second = parse(base), parse(candidate)
    if first.differ != second.differ:
        raise UsageError(
            f"the sides differ in two ways, {first.differ} and {second.differ}; they may differ in one: put "
            f"what they share in --client, --loop, --python or --set"
        )
    if first.differ in GUARANTEES:
        agree(first.differ, first.value, second.value, allowed=allowed)
    return first, second


def agree(what: str, base: object, candidate: object, *, allowed: Collection[str]) -> None:
    """Raises ComparisonRefusedError where the sides differ in a guarantee that is not allowed by name."""
    if base != candidate and what not in allowed:
        raise ComparisonRefusedError(
            f"the sides differ in {what} ({base} and {candidate}): their rates are of different work; "
            f"compare them all the same with --allow {what}"
        )
