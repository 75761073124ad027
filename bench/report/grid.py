"""A table of words, once, for the terminal and for Markdown: what either shows is the same."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from bench.report.fitting import Fitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import RenderableType

# What Markdown would read as something else than text, wherever it stands in a line.
_SPECIAL = re.compile(r"([\\`*_<>|~&]|(?<=\])[(\[:])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """``number``: to the right, and not broken."""

    name: str
    number: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    cells: tuple[str, ...]
    wrong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    headings: tuple[Heading, ...]
    rows: tuple[Row, ...]


@dataclass(slots=True)
class Page:
    """What a command has to say: tables, sentences, and notes of what to beware of, in their order."""

    parts: list[Grid | str] = field(default_factory=list)

    def table(self, grid: Grid) -> None:
        self.parts.append(grid)

    def say(self, *sentences: str) -> None:
        self.parts.extend(sentences)

    def note(self, *warnings: str) -> None:
        self.parts.extend(f"! {warning}" for warning in warnings)

    def for_terminal(self) -> Iterator[RenderableType]:
        for part in self.parts:
            yield Fitted(part) if isinstance(part, Grid) else Text(part)

    def as_markdown(self) -> str:
        """Paragraphs and tables; a warning begins with **Note:**."""
        texts = [as_markdown(part) if isinstance(part, Grid) else _paragraph(part) for part in self.parts]
        return "\n\n".join(texts) + "\n"


def as_markdown(grid: Grid) -> str:
    lines = [
        [escaped(heading.name) for heading in grid.headings],
        ["---:" if heading.number else "---" for heading in grid.headings],
        *([escaped(cell) for cell in row.cells] for row in grid.rows),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _paragraph(text: str) -> str:
    return f"**Note:** {escaped(text[2:])}" if text.startswith("! ") else escaped(text)


def escaped(text: str) -> str:
    """The text as itself in Markdown, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def grid(headings: Sequence[Heading], rows: Iterable[Row]) -> Grid:
    """Raises ValueError where a row has another number of cells than there are headings."""
    made = Grid(headings=tuple(headings), rows=tuple(rows))
    for row in made.rows:
        if len(row.cells) != len(made.headings):
            raise ValueError(f"{len(made.headings)} columns, but a row of {len(row.cells)}: {row.cells}")
    return made
