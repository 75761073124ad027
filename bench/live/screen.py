"""The screen of a run: what happens, how far it is, and a line with a spark line for each case. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from bench.live.state import labels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.live.state import Seen, State

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-~=+*#"
_RATE_COLUMNS = 11
_WIDEST_SPARK, _NARROWEST_SPARK = 32, 6
_OTHER_LINES = 4
_SEPARATOR = " / "
_SHORTEST_PART = 3


def lines(state: State, width: int, height: int, blocks: str = BLOCKS) -> list[Text]:
    """What to draw on so many columns and rows; no line is wider, and it is never higher."""
    room = width - 1  # some terminals wrap a line that fills them
    drawn = [Text(state.what, style="bold"), progress(state, room, blocks)]
    shown = _shown(state, max(1, height - _OTHER_LINES))
    names = labels([one.case for one in shown])
    wanted = max((len(_SEPARATOR.join(name)) for name in names), default=0)
    columns = max(_NARROWEST_SPARK, min(_WIDEST_SPARK, room - wanted - _RATE_COLUMNS - 4))
    drawn += [
        case_line(name, one, room, columns, blocks, current=one.case.number == state.current)
        for name, one in zip(names, shown, strict=True)
    ]
    if hidden := len(state.cases) - len(shown):
        drawn.append(Text(f"  and {hidden} more", style="dim"))
    for line in drawn:
        line.no_wrap = True
        line.truncate(room, overflow="ellipsis")
    return drawn[:height]


def _shown(state: State, most: int) -> list[Seen]:
    """The cases that fit, the one that has its turn among them."""
    cases = list(state.cases.values())
    if len(cases) <= most:
        return cases
    current = next((at for at, one in enumerate(cases) if one.case.number == state.current), 0)
    begin = min(current, len(cases) - most)
    return cases[begin : begin + most]


def progress(state: State, width: int, blocks: str) -> Text:
    """A bar, how many turns are over, and how long the rest takes."""
    if not state.total:
        return Text("")
    words = f" {state.done} of {state.total} turns"
    if (left_s := state.left_s) is not None:
        words += f", {duration(left_s)} left"
    bar = max(4, min(30, width - len(words)))
    full = round(bar * min(1.0, state.done / state.total))
    marks = "━─" if blocks == BLOCKS else "#-"
    drawn = Text(marks[0] * full, style="green")
    drawn.append(marks[1] * (bar - full), style="dim")
    return drawn.append(words, style="default")


def fitted(parts: list[str], columns: int) -> str:
    """The parts in so many characters, where that can be: the longest lose what is in their middle first."""
    if len(whole := _SEPARATOR.join(parts)) <= columns:
        return whole
    room = [len(part) for part in parts]
    while sum(room) + len(room) - 1 > columns and max(room) > _SHORTEST_PART:
        room[room.index(max(room))] -= 1
    return " ".join(_shortened(part, most) for part, most in zip(parts, room, strict=True))


def _shortened(part: str, most: int) -> str:
    if len(part) <= most:
        return part
    head = (most - 1) // 2
    return f"{part[:head]}…{part[len(part) - (most - 1 - head) :]}"


def case_line(
    label: list[str], seen: Seen, width: int, spark_columns: int, blocks: str, *, current: bool
) -> Text:
    """A case: a mark where it has its turn, its name, its last turns, and the median of all."""
    name_columns = max(4, width - spark_columns - _RATE_COLUMNS - 4)
    name = Text(fitted(label, name_columns))
    name.truncate(name_columns, overflow="ellipsis", pad=True)
    median = "" if seen.median_per_s is None else f"{rounded(seen.median_per_s)}/s"
    drawn = Text("> " if current else "  ", style="bold" if current else "")
    drawn.append_text(name)
    drawn.append(f" {spark(seen.rates, spark_columns, blocks):>{spark_columns}}", style="cyan")
    return drawn.append(f" {median:>{_RATE_COLUMNS}}", style="default")


def spark(rates: Iterable[float], columns: int, blocks: str = BLOCKS) -> str:
    """The last rates as heights from nothing to the highest of them."""
    last = list(rates)[-columns:]
    highest = max(last, default=0.0)
    if highest <= 0:
        return blocks[0] * len(last)
    return "".join(blocks[min(len(blocks) - 1, int(rate / highest * len(blocks)))] for rate in last)


def rounded(rate_per_s: float) -> str:
    """To three digits: a single turn has no more."""
    return f"{float(f'{rate_per_s:.3g}'):,.0f}"


def duration(seconds: float) -> str:
    """``0:07``, ``12:30``, ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
