"""The gate's file: what it means, and that every problem in it is said at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import Mix
from bench.errors import UsageError
from bench.gate import gatefile


def parse(**table: Any) -> gatefile.Asked:
    return gatefile.parse(table, "gate.toml", Path("/home"))


def test_a_gate_that_says_nothing_is_the_headline_with_the_usual_margin() -> None:
    asked = parse()
    (cell,) = asked.cells
    assert (cell.scenario, cell.margin, cell.loop, cell.values) == ("headline", 0.05, "asyncio", {})
    assert (asked.budget_s, asked.rounds, asked.base, asked.checkout) == (60.0, None, None, Path("/home"))
    assert (asked.meter, parse(meter="instructions").meter) == ("time", "instructions")


def test_a_cell_has_its_own_margin_loop_and_fields_and_inherits_the_rest() -> None:
    asked = parse(
        margin="10%",
        loop="uvloop",
        budget="2m",
        rounds=[6, 10],
        cells=[
            "publish",
            {
                "scenario": "own.py",
                "margin": 0.03,
                "loop": "asyncio",
                "set": {"payload_bytes": [32, 1024], "persistent": True},
            },
        ],
    )
    first, second = asked.cells
    assert (first.scenario, first.margin, first.loop) == ("publish", 0.10, "uvloop")
    assert (second.scenario, second.margin, second.loop) == ("/home/own.py", 0.03, "asyncio")
    assert second.values == {"payload_bytes": (32, 1024), "persistent": (True,)}
    assert (asked.budget_s, asked.rounds) == (120.0, (6, 10))


def test_a_file_of_sizes_is_found_beside_the_gate(tmp_path: Path) -> None:
    (tmp_path / "sizes").write_text("64\n128\n")
    cell = {"scenario": "headline", "set": {"payload_mix": "file:sizes"}}
    asked = gatefile.parse({"cells": [cell]}, "gate.toml", tmp_path)
    assert asked.cells[0].values == {"payload_mix": (Mix.parse("64+128"),)}


def test_adapter_files_are_found_beside_the_gate() -> None:
    asked = parse(base="old.py", candidate="aio-pika==9.6.2", checkout="sub")
    assert (asked.base, asked.candidate) == ("/home/old.py", "aio-pika==9.6.2")
    assert asked.checkout == Path("/home/sub")


def test_every_problem_is_in_one_message_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as raised:
        parse(
            bas="aio-pika",
            margin="half",
            budget="soon",
            rounds=[1],
            slices=0,
            meter="watt",
            cells=[{"scenari": "headline", "set": {"prefech": 1, "measure_s": 3}}, 7],
        )
    text = str(raised.value)
    for words in (
        "gate.toml: ",
        "there is no key 'bas': did you mean 'base'?",
        "margin takes a percentage from 1% to 50%, such as \"5%\", got 'half'",
        "budget takes a time such as \"60s\", got 'soon'",
        "rounds takes two numbers such as [6, 10], got [1]",
        "slices takes a whole number of at least 1, got 0",
        'meter takes "time" or "instructions", got \'watt\'',
        "cell 1: there is no key 'scenari': did you mean 'scenario'?",
        "cell 1: it has no scenario",
        "did you mean 'prefetch'",
        "cell 1: the gate plans measure_s itself: say slices",
        "cell 2: a cell is the name of a scenario or a table, got 7",
    ):
        assert words in text


@pytest.mark.parametrize("cells", [[], "headline", {}])
def test_a_gate_without_cells_is_refused(cells: Any) -> None:
    with pytest.raises(UsageError, match="cells takes a list of at least one scenario"):
        parse(cells=cells)


PLAIN: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 3, 0.03, float("nan"), float("inf"), "", "5%", "60s", "x", [], {}]
)
CELL = st.dictionaries(st.sampled_from(["scenario", "set", "margin", "loop", "y"]), PLAIN, max_size=3)
VALUE = st.one_of(PLAIN, st.lists(st.one_of(PLAIN, CELL), max_size=3))
KEYS = st.sampled_from([*gatefile.Asked.__dataclass_fields__, "margin", "loop", "budget", "x"])
TABLES = st.dictionaries(KEYS, VALUE, max_size=4)


@given(TABLES)
def test_whatever_a_file_has_is_a_gate_or_one_sentence(table: dict[str, Any]) -> None:
    try:
        asked = parse(**table)
    except UsageError:
        with pytest.raises(UsageError, match=r"^gate\.toml: "):
            parse(**table)
        return
    assert asked.cells
    assert all(0.01 <= cell.margin <= 0.5 for cell in asked.cells)


def test_a_file_is_read_whole_and_pyproject_by_its_section(tmp_path: Path) -> None:
    own, pyproject = tmp_path / "gate.toml", tmp_path / "pyproject.toml"
    own.write_text('base = "memory"\n')
    pyproject.write_text('[tool.mqbench]\nbase = "aio-pika==9.6.2"\n')
    assert gatefile.read(own).base == "memory"
    assert gatefile.read(pyproject).base == "aio-pika==9.6.2"
    pyproject.write_text("[tool.other]\n")
    own.write_text("base = \n")
    with pytest.raises(UsageError, match=r"has no \[tool.mqbench\]; write it"):
        gatefile.read(pyproject)
    with pytest.raises(UsageError, match="cannot be read as TOML"):
        gatefile.read(own)
    with pytest.raises(UsageError, match=re.escape("there is no")):
        gatefile.read(tmp_path / "none.toml")


def test_a_gate_in_two_places_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mqbench.toml").write_text('base = "memory"\n')
    Path("pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert gatefile.read(None).base == "memory"
    Path("pyproject.toml").write_text("[tool.mqbench]\nbase = 'aio-pika'\n")
    with pytest.raises(UsageError, match="keep one of them"):
        gatefile.read(None)
