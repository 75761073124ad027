"""Tables on narrow terminals: every word is there and whole, and no line is wider than the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bench.report.fitting import Fitted
from bench.report.grid import Grid, Heading, Row, grid

HEADINGS = (
    *(Heading(name=name) for name in ("scenario", "point", "client")),
    *(Heading(name=name, number=True) for name in ("msg/s [95 % interval]", "CPU us/msg")),
    Heading(name="limit"),
)
RUN = grid(
    HEADINGS,
    (
        Row(
            ("busy_handler", "handler=cpu:1000us", "aio-pika 10.2.1", "4,240 [3,960, 4,540]", "220", "client")
        ),
        Row(
            ("latency", "rate_per_s=3000", "aioamqp 0.15.0", "7,800 [7,370, 8,260]", "87", "unclear"),
            wrong=True,
        ),
    ),
)


def lines(shown: Grid, width: int) -> list[str]:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(Fitted(shown))
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_no_line_is_too_wide_and_no_word_is_broken(width: int) -> None:
    shown = lines(RUN, width)
    assert max(map(len, shown)) <= width
    words = " ".join(shown).split()
    for row in RUN.rows:
        assert {word for cell in row.cells for word in cell.split()} <= set(words)


def test_a_wide_terminal_has_a_line_for_each_row() -> None:
    shown = lines(RUN, 120)
    (line,) = [line for line in shown if "busy_handler" in line]
    assert line.split() == [word for cell in RUN.rows[0].cells for word in cell.split()]
    (heading,) = [line for line in shown if "scenario" in line]
    assert "msg/s [95 % interval]  CPU us/msg  limit" in heading


def test_headings_of_figures_break_before_words_do() -> None:
    whole, broken = lines(RUN, 95), lines(RUN, 94)
    assert len(broken) == len(whole) + 1
    assert not any("msg/s [95 % interval]" in line for line in broken)
    assert sum("aio-pika 10.2.1" in line and "4,240 [3,960, 4,540]" in line for line in broken) == 1


def test_a_narrow_terminal_has_the_words_above_the_figures() -> None:
    shown = lines(RUN, 60)
    at = shown.index(" busy_handler  handler=cpu:1000us  aio-pika 10.2.1")
    assert shown[at + 1].split() == ["4,240", "[3,960,", "4,540]", "220", "client"]
    heading = shown.index(" scenario  point  client")
    figure = shown[at + 1].index("4,540]") + len("4,540]")
    assert max(line.find("interval]") for line in shown[heading:at]) + len("interval]") == figure


def test_a_terminal_for_nothing_has_a_line_for_each_cell() -> None:
    shown = lines(RUN, 30)
    assert "client: aio-pika 10.2.1" in shown
    assert "limit: unclear" in shown


@given(
    st.lists(st.tuples(*[st.text("ab é漢-\n", max_size=12)] * 4), max_size=4),
    st.tuples(*[st.booleans()] * 4),
    st.integers(12, 90),
)
def test_whatever_is_in_it_no_line_is_too_wide(
    cells: list[tuple[str, ...]], numbers: tuple[bool, ...], width: int
) -> None:
    headings = [Heading(name=f"column {at}", number=number) for at, number in enumerate(numbers)]
    shown = lines(grid(headings, map(Row, cells)), width)
    assert max((Console().measure(line).maximum for line in shown), default=0) <= width
