"""A mix of message sizes from a file: read once, when a command is given, into the text that a row has.

A line a size, or ``SIZE,WEIGHT`` (sizes as in a mix, ranges too); or JSON: a list of sizes, a list of pairs,
or an object of weights by size.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.errors import ScenarioError
from bench.mix import Mix, Part

FIELD = "payload_mix"
_PREFIX = "file:"
_HERE = Path()
_HOW = (
    "it has a size a line, or SIZE,WEIGHT, or is JSON: a list of sizes or of [size, weight], or an object of "
    "weights by size"
)


def resolved(field: str, text: str, *, folder: Path = _HERE) -> str:
    """The text of a scenario's field; for ``file:PATH`` as a mix, the mix that the file holds.

    ``folder`` is where a relative path begins. Raises ScenarioError where the file cannot be read, or holds
    no sizes.
    """
    if field != FIELD or not text.startswith(_PREFIX):
        return text
    return str(read(folder / text.removeprefix(_PREFIX)))


def resolved_word(word: str) -> str:
    """The same for ``FIELD=TEXT``; any other word stays as it is."""
    field, equals, text = word.partition("=")
    return f"{field}={resolved(field, text)}" if equals else word


def read(path: Path) -> Mix:
    """The mix of a file; sizes that it has several times are one part, with their weights together."""
    try:
        content = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise ScenarioError(f"the file of sizes {path} cannot be read ({reason})") from error
    weights: dict[str, float] = {}
    try:
        for size, weight in _json(content) if content.startswith(("[", "{")) else _lines(content):
            weights[size] = weights.get(size, 0.0) + weight
    except (ValueError, TypeError) as error:
        raise ScenarioError(f"the file of sizes {path} is not understood ({error}); {_HOW}") from error
    if not weights:
        raise ScenarioError(f"the file of sizes {path} is empty; {_HOW}")
    try:
        return Mix(tuple(Part.parse(f"{size}:{weight:.9f}") for size, weight in weights.items()))
    except ScenarioError as error:
        raise ScenarioError(f"the file of sizes {path}: {error}") from error


def _lines(content: str) -> list[tuple[str, float]]:
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    if lines and lines[0].replace(" ", "").lower() in ("size", "size,weight"):
        del lines[0]
    pairs = []
    for line in lines:
        size, comma, weight = line.partition(",")
        pairs.append((size.strip(), float(weight) if comma else 1.0))
    return pairs


def _json(content: str) -> list[tuple[str, float]]:
    found: Any = json.loads(content)
    pairs = found.items() if isinstance(found, dict) else found
    weighted = [one if isinstance(one, list | tuple) else (one, 1.0) for one in pairs]
    return [(str(size), float(weight)) for size, weight in weighted]
