"""What the values of options may look like, and what they become: times, shares, sizes, fields, addresses."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import click

from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class FiniteRange(click.FloatRange):
    """Numbers from the least upwards: neither infinity nor ``nan``, which is never out of a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found: float = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return found


def set_values(_: click.Context, __: click.Parameter, texts: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Each field of ``--set`` with the values that it takes.

    Raises:
        UsageError: A text is not ``FIELD=VALUE[,VALUE...]``, or no such field or value exists.
    """
    values: dict[str, tuple[Any, ...]] = {}
    problems: list[str] = []
    for text in texts:
        name, equals, choices = (word.strip() for word in text.partition("="))
        if not equals or not choices:
            problems.append(f"--set takes FIELD=VALUE or FIELD=VALUE,VALUE, got {text[:100]!r}")
        else:
            values[name] = _choices(name, choices.split(","), problems)
    if problems:
        raise UsageError("; ".join(dict.fromkeys(problems)))
    return values


def _choices(name: str, words: Sequence[str], problems: list[str]) -> tuple[Any, ...]:
    """The values of one field; what is wrong with any of them goes to the problems."""
    from bench.mixfile import resolved
    from bench.scenario import Scenario

    found = []
    for word in map(str.strip, words):
        try:
            found.append(Scenario.parse_field(name, resolved(name, word)))
        except UsageError as error:
            other = word.partition("=")[0] in Scenario.__dataclass_fields__
            problems.append(f"{error}{' (each field needs its own --set)' if other else ''}")
    return tuple(found)


def swept(context: click.Context, parameter: click.Parameter, text: str) -> dict[str, tuple[Any, ...]]:
    """``FIELD=V1,V2,...`` as the field with its values.

    Raises:
        UsageError: The text is not that, or no such field or value exists.
    """
    name, equals, choices = text.partition("=")
    if not name or not equals or not choices:
        raise UsageError(f"a sweep takes FIELD=V1,V2,... such as prefetch=1,10,100, got {text!r}")
    return set_values(context, parameter, (text,))


def share(_: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """``2%`` as 0.02.

    Raises:
        UsageError: The text is no percentage from 0.1 to 50.
    """
    if text is None:
        return None
    try:
        found = float(text.removesuffix("%")) / 100
    except ValueError:
        found = 0.0
    if not 0.001 <= found <= 0.5:
        raise UsageError(f"--{parameter.name} takes a precision from 0.1% to 50%, such as 2%, got {text!r}")
    return found


def growth(_: click.Context, parameter: click.Parameter, text: str) -> float:
    """``50%`` as 0.5; raises UsageError where it is no percentage above 0."""
    return _amount(parameter, text, {"%": 1}, "a percentage such as 50%") / 100


def seconds(_: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """``90s``, ``5m`` or ``1h`` in seconds; raises UsageError where it is no such time, or no time at all."""
    if text is None:
        return None
    return _amount(parameter, text, {"s": 1, "m": 60, "h": 3600, "": 1}, "a time such as 60s or 5m")


def latency(_: click.Context, parameter: click.Parameter, text: str) -> float:
    """``20ms``, ``500us`` or ``1s`` in microseconds; raises UsageError likewise."""
    return _amount(parameter, text, {"us": 1, "ms": 1e3, "s": 1e6}, "a latency such as 20ms or 500us")


def size(_: click.Context, parameter: click.Parameter, text: str) -> int:
    """``1MiB`` or ``500KiB`` in bytes; raises UsageError where it is no such size."""
    units = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    return round(_amount(parameter, text, units, "a size such as 1MiB or 500KiB"))


def two_counts(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """``6,10``: the rounds of a gate's two stages.

    Raises:
        UsageError: The text is not two whole numbers of at least 1.
    """
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,4}),([1-9]\d{0,4})", text)
    if match is None:
        raise UsageError(
            f"--rounds takes those of the first and of the second stage, such as 6,10, got {text!r}"
        )
    return int(match[1]), int(match[2])


def address(_: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, int] | None:
    """``9464`` or ``0.0.0.0:9464`` as host, which is this machine's own if none is named, and port.

    Raises:
        UsageError: There is no such port.
    """
    if text is None:
        return None
    host, _colon, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{parameter.opts[0]} takes PORT or HOST:PORT, such as 9464, got {text!r}")
    return host or "127.0.0.1", int(port)


def _amount(parameter: click.Parameter, text: str, units: Mapping[str, float], what: str) -> float:
    """A number above 0 with one of the units, in the unit that counts 1."""
    match = re.fullmatch(rf"(\d+(?:\.\d+)?)({'|'.join(units)})", text)
    if match is None or float(match[1]) == 0:
        raise UsageError(f"{parameter.opts[0]} takes {what}, got {text!r}")
    return float(match[1]) * units[match[2]]
