"""A grid on so many columns of a terminal: what stands beside what, and where it breaks; words stay whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Group
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType

    from bench.report.grid import Grid, Heading, Row

GAP = 2
EDGES = 2


@dataclass(frozen=True, slots=True)
class Fitted:
    """A grid that rich asks how it looks, once the width is known."""

    grid: Grid

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield fitted(self.grid, options.max_width)


def fitted(grid: Grid, width: int) -> RenderableType:
    """A table; where that is too wide, each row's words above its figures; at the least, a line a cell."""
    cells = [row.cells for row in grid.rows]
    if (fixed := widths(grid.headings, cells, width)) is not None:
        return _table(grid, fixed)
    figures = next((at for at, heading in enumerate(grid.headings) if heading.number), 0)
    if figures:
        below = widths(grid.headings[figures:], [row[figures:] for row in cells], width)
        if below is not None:
            return _stacked(grid, figures, below)
    return _listed(grid)


def widths(headings: Sequence[Heading], cells: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """How wide each column is so that all stand side by side and no word breaks; None where they cannot.

    What is too wide breaks between words: first the headings of figures, the widest first, then texts.
    """
    columns = [[heading.name, *(row[at] for row in cells)] for at, heading in enumerate(headings)]
    found = [max(_longest(text.splitlines()) for text in column) for column in columns]
    least = [
        max(_longest(column[0].split()), *(_longest(_unbroken(heading, text)) for text in column[1:]), 1)
        for heading, column in zip(headings, columns, strict=True)
    ]
    room = width - EDGES - GAP * (len(headings) - 1)
    for are_figures in (True, False):
        kind = [at for at, heading in enumerate(headings) if heading.number is are_figures]
        while sum(found) > room and (broken := [at for at in kind if found[at] > least[at]]):
            found[max(broken, key=found.__getitem__)] -= 1
    return found if sum(found) <= room else None


def _unbroken(heading: Heading, text: str) -> list[str]:
    return text.splitlines() if heading.number or heading.whole else text.split()


def _longest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _table(grid: Grid, fixed: Sequence[int]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading, width in zip(grid.headings, fixed, strict=True):
        shown.add_column(heading.name, justify=_justified(heading), width=width, overflow="fold")
    for row in grid.rows:
        shown.add_row(*map(Text, row.cells), style=_style(row))
    return shown


def _stacked(grid: Grid, figures: int, fixed: Sequence[int]) -> Group:
    names = [heading.name for heading in grid.headings]
    lines: list[RenderableType] = [Text(""), *_pair(grid, names, figures, fixed, "bold"), Rule(style="none")]
    for row in grid.rows:
        lines += _pair(grid, row.cells, figures, fixed, _style(row))
    return Group(*lines, Text(""))


def _pair(
    grid: Grid, cells: Sequence[str], figures: int, fixed: Sequence[int], style: str
) -> tuple[RenderableType, RenderableType]:
    """A row's words, and below them its figures."""
    below = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    for heading, width in zip(grid.headings[figures:], fixed, strict=True):
        below.add_column(justify=_justified(heading), width=width, overflow="fold")
    below.add_row(*map(Text, cells[figures:]), style=style)
    words = Text("  ".join(word for word in cells[:figures] if word), style=style)
    return Padding(words, (0, 0, 0, 1)), Padding(below, (0, 0, 0, 1))


def _listed(grid: Grid) -> Group:
    """Every cell with its heading, in a line of its own; a row begins after a blank line."""
    lines: list[RenderableType] = [Text("")]
    for row in grid.rows:
        for heading, cell in zip(grid.headings, row.cells, strict=True):
            if cell:
                lines.append(Text(f"{heading.name}: {cell}", style=_style(row), overflow="fold"))
        lines.append(Text(""))
    return Group(*lines)


def _justified(heading: Heading) -> Literal["left", "right"]:
    return "right" if heading.number else "left"


def _style(row: Row) -> str:
    return "red" if row.wrong else ""
