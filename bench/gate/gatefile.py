"""What a gate is asked for: its cells, base, candidate and margins, read from TOML and validated at once."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from bench.counting import Meter
from bench.errors import ScenarioError, UnknownNameError, UsageError
from bench.mixfile import resolved
from bench.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MARGIN, BUDGET_S, SLICES = 0.05, 60.0, 10
LEAST_MARGIN = 0.01
"""What is below it is never called slower."""

PYPROJECT, OWN_FILE = Path("pyproject.toml"), Path("mqbench.toml")
_CELL_KEYS = ("scenario", "set", "margin", "loop")
_PLANNED = "measure_s"
_UNITS_S = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellAsked:
    """A scenario by name or path with the fields to set, each with its values; all its points are gated."""

    scenario: str
    values: Mapping[str, tuple[Any, ...]]
    margin: float
    loop: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A gate as its file has it; None: not said. ``rounds`` are of the first and of the second stage.

    ``checkout`` is the client's own repository, absolute. Where instructions are counted, ``budget_s``,
    ``rounds`` and ``slices`` mean nothing.
    """

    origin: str
    cells: tuple[CellAsked, ...]
    checkout: Path
    base: str | None = None
    candidate: str | None = None
    client: str | None = None
    python: str | None = None
    broker: str | None = None
    budget_s: float = BUDGET_S
    rounds: tuple[int, int] | None = None
    slices: int = SLICES
    meter: Meter = "time"


def read(path: Path | None) -> Asked:
    """The gate of a TOML file; raises UsageError.

    Without one it is that of ``[tool.mqbench]`` in pyproject.toml, or of mqbench.toml.
    """
    if path is None:
        has = [one for one in (PYPROJECT, OWN_FILE) if one.is_file()]
        sections = {one: found for one in has if (found := _section(one)) is not None}
        if not sections:
            raise UsageError(
                "there is no gate here, neither [tool.mqbench] in pyproject.toml nor an mqbench.toml; write "
                "one with mqbench init, or name its file with --config"
            )
        if len(sections) > 1:
            raise UsageError("there is a gate in pyproject.toml and one in mqbench.toml: keep one of them")
        ((path, section),) = sections.items()
    elif (section := _section(path)) is None:
        raise UsageError(f"{path} has no [tool.mqbench]; write it, or name another file with --config")
    origin = f"[tool.mqbench] in {path}" if path.name == PYPROJECT.name else str(path)
    return parse(section, origin, path.parent)


def _section(path: Path) -> Any:
    """The gate's table in a file; None where a pyproject.toml has none."""
    try:
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"there is no {path} to read a gate from") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as TOML: {error}") from error
    return whole.get("tool", {}).get("mqbench") if path.name == PYPROJECT.name else whole


def parse(section: Any, origin: str, folder: Path) -> Asked:
    """A gate from its table; raises UsageError with everything that is wrong in it.

    ``origin`` is how errors name the table; ``folder`` is where its relative paths begin.
    """
    reading = _Reading(folder)
    asked = reading.gate(section if isinstance(section, dict) else {"": section}, origin)
    if reading.problems:
        raise UsageError(f"{origin}: {'; '.join(reading.problems)}")
    return asked


class _Reading:
    """One pass over a table that goes on after a problem."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.problems: list[str] = []

    def gate(self, table: Mapping[str, Any], origin: str) -> Asked:
        margin = self._share(table.get("margin", MARGIN), "margin")
        loop = self._text(table, "loop", "") or "asyncio"
        known = (*Asked.__dataclass_fields__, "margin", "loop", "budget")
        self._known(table, tuple(name for name in known if name not in ("origin", "budget_s")), "")
        return Asked(
            origin=origin,
            cells=tuple(self._cells(table.get("cells", ["headline"]), margin, loop)),
            checkout=(self._folder / (self._text(table, "checkout", "") or ".")).absolute(),
            base=self._client(table, "base"),
            candidate=self._client(table, "candidate"),
            client=self._text(table, "client", ""),
            python=self._text(table, "python", ""),
            broker=self._text(table, "broker", ""),
            budget_s=self._or(BUDGET_S, table.get("budget"), _seconds, 'budget takes a time such as "60s"'),
            rounds=self._or(
                None, table.get("rounds"), _two_counts, "rounds takes two numbers such as [6, 10]"
            ),
            slices=self._or(SLICES, table.get("slices"), _count, "slices takes a whole number of at least 1"),
            meter=self._or("time", table.get("meter"), _meter, 'meter takes "time" or "instructions"'),
        )

    def _cells(self, found: Any, margin: float, loop: str) -> Iterator[CellAsked]:
        if not isinstance(found, list) or not found:
            self.problems.append('cells takes a list of at least one scenario, such as ["headline"]')
            return
        for place, one in enumerate(found, start=1):
            where = f"cell {place}: "
            table = {"scenario": one} if isinstance(one, str) else one
            if not isinstance(table, dict):
                self.problems.append(f"{where}a cell is the name of a scenario or a table, got {one!r}")
                continue
            self._known(table, _CELL_KEYS, where)
            scenario = self._text(table, "scenario", where)
            if scenario is None:
                self.problems.append(f"{where}it has no scenario")
            if scenario is not None and scenario.endswith(".py"):
                scenario = str(self._folder / scenario)
            yield CellAsked(
                scenario=scenario or "",
                values=self._values(table.get("set", {}), where),
                margin=self._share(table["margin"], f"{where}margin") if "margin" in table else margin,
                loop=self._text(table, "loop", where) or loop,
            )

    def _values(self, found: Any, where: str) -> dict[str, tuple[Any, ...]]:
        if not isinstance(found, dict):
            self.problems.append(f"{where}set takes a table such as {{ payload_bytes = 1024 }}")
            return {}
        values = {}
        for name, given in found.items():
            if name == _PLANNED:
                self.problems.append(f"{where}the gate plans {_PLANNED} itself: say slices")
                continue
            several = given if isinstance(given, list) else [given]
            try:
                values[name] = tuple(self._parsed(name, _as_word(one)) for one in several)
            except (ScenarioError, UnknownNameError) as error:
                self.problems.append(f"{where}{error}")
        return values

    def _parsed(self, name: str, word: str) -> Any:
        return Scenario.parse_field(name, resolved(name, word, folder=self._folder))

    def _known(self, table: Mapping[str, Any], names: Sequence[str], where: str) -> None:
        for name in table:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
                self.problems.append(f"{where}there is no key {name!r}: {hint}")

    def _text(self, table: Mapping[str, Any], name: str, where: str) -> str | None:
        value = table.get(name)
        if value is not None and (not isinstance(value, str) or not value):
            self.problems.append(f"{where}{name} takes a text, got {value!r}")
            return None
        return value

    def _client(self, table: Mapping[str, Any], name: str) -> str | None:
        word = self._text(table, name, "")
        return str(self._folder / word) if word is not None and word.endswith(".py") else word

    def _share(self, value: Any, name: str) -> float:
        problem = f'{name} takes a percentage from 1% to 50%, such as "5%"'
        found: float = self._or(MARGIN, value, _share, problem)
        return found

    def _or(self, default: Any, value: Any, reader: Callable[[Any], Any], problem: str) -> Any:
        """The value as its reader has it, or the default where there is none; else one more problem."""
        if value is None:
            return default
        try:
            return reader(value)
        except (ValueError, TypeError):
            self.problems.append(f"{problem}, got {value!r}")
            return default


def _as_word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _share(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, str):
        value = float(value.removesuffix("%")) / 100 if value.endswith("%") else float(value)
    if not LEAST_MARGIN <= value <= 0.5:
        raise ValueError
    return float(value)


def _seconds(value: Any) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h)", value)
    if match is None or float(match[1]) == 0:
        raise ValueError
    return float(match[1]) * _UNITS_S[match[2]]


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError
    return value


def _meter(value: Any) -> Any:
    if value not in get_args(Meter):
        raise ValueError
    return value


def _two_counts(value: Any) -> tuple[int, int]:
    first, second = value
    return _count(first), _count(second)
