"""What clients and scenarios there are, by name or by somebody's own file. Imports no client library."""

from __future__ import annotations

import ast
from dataclasses import dataclass, fields, replace
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bench.client import Abilities
from bench.errors import BenchError, ScenarioError, UnknownNameError, UsageError
from bench.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HEADLINE = "headline"
OWN_GROUP = "own"
GROUPS = {
    "overview": "A first look",
    "guarantees": "What guarantees cost",
    "settings": "Which settings to choose",
    "messages": "What the messages are like",
    "load": "How the load comes",
    "shapes": "Who sends to whom, and what is done with it",
    "halves": "One half at a time",
    OWN_GROUP: "Your own",
}
"""What scenarios are about, in the order in which they are shown."""
_CLIENTS = Path(__file__).parent / "clients"
_SCENARIOS = Path(__file__).parent.parent / "scenarios"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEntry:
    """A client that can be driven. ``adapter`` is a module of ``bench.clients`` or a path."""

    name: str
    adapter: str
    abilities: Abilities
    summary: str

    @property
    def how_to_get(self) -> str:
        if not self.abilities.distribution:
            return "part of mqbench"
        return f"uv sync --extra {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioEntry:
    """A scenario's points; ``varied`` names the fields in which they differ, ``group`` is one of GROUPS."""

    name: str
    question: str
    points: tuple[Scenario, ...]
    varied: tuple[str, ...]
    group: str = OWN_GROUP

    def label(self, point: Scenario) -> str:
        """What tells this point from the others: ``prefetch=10``, or "" where there is only one."""
        return point_label(point, self.varied)

    def with_values(self, values: Mapping[str, tuple[Any, ...]]) -> ScenarioEntry:
        """Every point with every combination of these values; equal points once."""
        combinations = [dict(zip(values, choices, strict=True)) for choices in product(*values.values())]
        points = list(dict.fromkeys(point.with_fields(one) for point in self.points for one in combinations))
        varied = tuple(
            field.name
            for field in fields(Scenario)
            if len({getattr(point, field.name) for point in points}) > 1
        )
        return replace(self, points=tuple(points), varied=varied)


def point_label(point: Scenario, names: Iterable[str]) -> str:
    """These fields of a point as ``--set`` takes them: ``prefetch=10 rate_per_s=3000 persistent=true``."""
    return " ".join(f"{name}={_worded(getattr(point, name))}" for name in names)


def _worded(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def clients() -> dict[str, ClientEntry]:
    """Every client with an adapter in this installation, by the name to ask for it."""
    entries = (_client(path, path.stem) for path in sorted(_CLIENTS.glob("*.py")) if path.stem != "__init__")
    return {entry.name: entry for entry in entries}


def find_client(requirement: str) -> ClientEntry:
    """The client of a PEP 508 requirement or of an adapter file; raises UsageError or UnknownNameError."""
    if requirement.endswith(".py"):
        path = Path(requirement)
        if not path.is_file():
            raise UsageError(f"there is no adapter file {requirement}")
        return _client(path, str(path.resolve()))
    try:
        name = canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{requirement!r} is not a requirement such as aio-pika==9.6.2: {reason}") from error
    known = clients()
    if name not in known:
        raise unknown_client(name)
    return known[name]


def unknown_client(name: str) -> UnknownNameError:
    """What to raise for a client that has no adapter: it can be given one."""
    more = (
        "; to measure another, write an adapter, one file (CONTRIBUTING.md says how): --client my_client.py"
    )
    return UnknownNameError("client", name, clients(), more)


def _client(path: Path, adapter: str) -> ClientEntry:
    """Reads the ``Abilities(...)`` in an adapter's source; its arguments are literals by contract."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise UsageError(
            f"the adapter {path.name} does not parse (line {error.lineno}: {error.msg})"
        ) from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Abilities":
            try:
                literals = {word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg}
                abilities = Abilities(**literals)
            except (ValueError, TypeError) as error:
                raise UsageError(f"the Abilities in {path.name} must be literals: {error}") from error
            summary = (ast.get_docstring(tree) or "").partition("\n")[0]
            name = canonicalize_name(abilities.distribution) if abilities.distribution else path.stem
            return ClientEntry(name=name, adapter=adapter, abilities=abilities, summary=summary)
    raise UsageError(
        f"the adapter {path.name} says nowhere what it can do: it needs abilities = Abilities(...)"
    )


def scenarios() -> dict[str, ScenarioEntry]:
    """Every scenario of this installation, by name."""
    paths = (path for path in sorted(_SCENARIOS.glob("*.py")) if path.stem != "__init__")
    return {path.stem: _scenario(path) for path in paths}


def grouped() -> dict[str, list[ScenarioEntry]]:
    """Every scenario of this installation by the heading of its group, in the order of GROUPS."""
    entries = scenarios().values()
    groups = {words: [one for one in entries if one.group == name] for name, words in GROUPS.items()}
    return {words: found for words, found in groups.items() if found}


def find_scenario(name: str) -> ScenarioEntry:
    """A scenario by name or path; raises UnknownNameError, ScenarioError or UsageError."""
    if name.endswith(".py"):
        if not Path(name).is_file():
            raise UsageError(f"there is no scenario file {name}")
        return _scenario(Path(name))
    path = _SCENARIOS / f"{name}.py"
    if not name.isidentifier() or not path.is_file():
        raise UnknownNameError("scenario", name, (path.stem for path in _SCENARIOS.glob("[!_]*.py")))
    return _scenario(path)


def _scenario(path: Path) -> ScenarioEntry:
    module = _executed(path)
    scenario = getattr(module, "SCENARIO", None)
    if not isinstance(scenario, Scenario):
        raise ScenarioError(f"the scenario file {path.name} must define SCENARIO = Scenario(...)")
    sweep: Sequence[Mapping[str, Any]] = getattr(module, "SWEEP", ({},))
    entry = ScenarioEntry(
        name=path.stem,
        question=" ".join((module.__doc__ or "").split()),
        points=tuple(scenario.with_fields(changes) for changes in sweep),
        varied=(),
        group=_group(path, module),
    )
    return entry.with_values({})


def _group(path: Path, module: Any) -> str:
    group = getattr(module, "GROUP", OWN_GROUP)
    if group not in GROUPS:
        raise ScenarioError(
            f"the scenario file {path.name} has the group {group!r}; there are: {', '.join(GROUPS)}"
        )
    return str(group)


def _executed(path: Path) -> Any:
    spec = spec_from_file_location(f"scenario_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path.name} cannot be loaded as a Python module")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BenchError:
        raise
    except Exception as error:  # somebody's file may raise whatever it likes
        raise ScenarioError(
            f"the scenario file {path.name} fails: {type(error).__name__}: {error}"
        ) from error
    return module
