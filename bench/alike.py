"""What stored rows must have in common before their rates are compared, and what else is refused. Pure."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from bench.cell import client_name
from bench.errors import ComparisonRefusedError, SchemaError, UnknownNameError
from bench.machine import COMPARED, Fingerprint, differences
from bench.scenario import Scenario
from bench.schema import SCENARIO_COLUMN
from bench.sides import GUARANTEES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    Row = Mapping[str, Any]

# How long something was measured is not what was measured; a budget plans it anew each time.
_WORKLOAD = tuple(
    SCENARIO_COLUMN.get(field.name, field.name) for field in fields(Scenario) if field.name != "measure_s"
)
_ROW = (
    *("scenario", "point", *_WORKLOAD, "load_model", "client", "consumer_client"),
    *("loop", "loop_version", "python_version", "protocol"),
    *("broker_kind", "broker_origin", "broker_version", "broker_url"),
)
FIELDS = tuple(dict.fromkeys((*COMPARED, "cpu_name", *_ROW)))
"""All that two runs may differ in and be refused for; each can be allowed by name."""

Differences = dict[str, tuple[Any, Any]]


def check_names(allowed: Collection[str], known: Iterable[str] = FIELDS) -> None:
    """Raises UnknownNameError for a field that nothing is refused for."""
    names = tuple(known)
    for name in allowed:
        if name not in names:
            raise UnknownNameError("field to allow", name, names)


def machines(first: Mapping[str, Any], second: Mapping[str, Any]) -> Differences:
    """Where the fingerprints of two run.json disagree; SchemaError where one has unknown fields."""
    try:
        one, other = (Fingerprint.from_json(facts.get("fingerprint", {})) for facts in (first, second))
    except ValueError as error:
        raise SchemaError(
            f"a run of a later mqbench cannot be compared ({error}); use that version"
        ) from error
    return {name: (getattr(one, name), getattr(other, name)) for name in differences(one, other)}


def workloads(first: Row, second: Row) -> Differences:
    """Where two rows of trials.csv are not of the same work in the same surroundings.

    Versions of the client and of what it depends on may differ: that is what runs are compared for. A column
    that one of them has not (an older schema) is no difference.
    """
    both = [
        (name, _shown(name, first), _shown(name, second)) for name in _ROW if name in first and name in second
    ]
    return {name: (one, other) for name, one, other in both if one != other}


def surroundings(row: Row) -> tuple[Any, ...]:
    """All in which two rows must agree to be of one cell, but where the broker answered."""
    return tuple(_shown(name, {name: None, **row}) for name in _ROW if name != "broker_url")


def _shown(name: str, row: Row) -> Any:
    value = row[name]
    if name in ("client", "consumer_client") and value is not None:
        return client_name(str(value))
    if name == "broker_url" and row.get("broker_origin") != "external":
        return None  # a private broker has another port each time
    return value


def guarantees(rows: Iterable[Row]) -> dict[str, tuple[Any, ...]]:
    """The guarantees in which these rows differ, with their values."""
    found = list(rows)
    values = {name: tuple(dict.fromkeys(row[name] for row in found if name in row)) for name in GUARANTEES}
    return {name: several for name, several in values.items() if len(several) > 1}


def refuse(what: str, found: Mapping[str, tuple[Any, ...]], allowed: Collection[str]) -> None:
    """Raises ComparisonRefusedError, with every field, unless each is allowed by name."""
    left = {name: values for name, values in found.items() if name not in allowed}
    if not left:
        return
    told = "; ".join(f"{name} ({' and '.join(map(_word, values))})" for name, values in left.items())
    allow = " ".join(f"--allow {name}" for name in left)
    raise ComparisonRefusedError(f"{what} differ in {told}; compare them all the same with {allow}")


def _word(value: Any) -> str:
    return "nothing" if value is None or value == "" else str(value)
