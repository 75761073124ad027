"""Ledgers that are really made: they go on where they stopped, however that was, and end in time."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bench.ledger import making, storing
from bench.ledger.design import CONDITIONS
from bench.ledger.making import ARMS
from bench.schema import LEDGER_COLUMNS

Command = Callable[..., "subprocess.CompletedProcess[str]"]
SMALL = ("--client", "memory", "--kind", "work", "--rounds", "1,2", "--slices", "1")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environments are built once for all of these."""
    return {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")), "UV_OFFLINE": "1"}


def test_a_ledger_goes_on_where_it_stopped_and_refuses_another_design(
    command: Command, tmp_path: Path, cache: dict[str, str]
) -> None:
    words = ("validate", "make", "led", "--equal", "1")
    done = command(*words, *SMALL, "--seed", "3", **cache)
    assert done.returncode == 0, done.stderr
    assert "1 gates were added to led" in done.stderr
    again = command(*words, **cache)
    assert "0 gates were added to led" in again.stderr
    other = command(*words, "--client", "aioamqp")
    assert (other.returncode, "led/ledger.json has another client" in other.stderr) == (2, True)
    early = command("validate", "make", "led", "--equal", "2", "--decided", **cache)
    assert "1 gates were added to led" in early.stderr, early.stderr  # the first is there, made the other way
    assert [row["whole"] for row in table(tmp_path / "led" / "gates.csv")] == ["True", "False"]
    assert "# How often the gate is right" in command("validate", "report", "led").stdout


def test_whole_gates_have_the_rounds_of_both_stages_and_others_end_where_they_are_decided(
    command: Command, tmp_path: Path, cache: dict[str, str]
) -> None:
    few = ("--client", "memory", "--kind", "work", "--rounds", "4,1", "--slices", "1", "--seed", "3")
    for name, option in (("whole", "--whole"), ("short", "--decided")):
        done = command("validate", "make", name, "--equal", "2", *few, option, **cache)
        assert done.returncode == 0, done.stderr
    whole, short = (
        Counter((row["key"], row["arm"]) for row in table(tmp_path / name / "rounds.csv"))
        for name in ("whole", "short")
    )
    assert whole.keys() == short.keys()
    assert {arm for _, arm in whole} == set(ARMS)
    assert set(whole.values()) == {5}
    ended = {row["key"] for row in table(tmp_path / "short" / "gates.csv") if row["stage"] == "1"}
    assert {key for (key, _), rounds in short.items() if rounds == 4} == ended


def test_a_ledger_from_before_gates_said_whether_they_are_whole_goes_on(tmp_path: Path) -> None:
    names = [column.name for column in LEDGER_COLUMNS if column.name != "whole"]
    (tmp_path / "ledger.json").write_text('{"design": {"whole": true}}')
    old = ",".join(names) + "\n" + ",".join(f"{name} 1" for name in names) + "\n"
    (tmp_path / "gates.csv").write_text(old + "quiet equal 0 2,qui")
    assert storing.gates_of(tmp_path)[0]["whole"] is True
    for _ in range(2):  # the second time there is nothing to mend
        storing.mend(tmp_path)
        (row,) = storing.gates_of(tmp_path)
        assert (row["key"], row["started_at"], row["whole"]) == ("key 1", "started_at 1", True)
    storing.append(tmp_path / "gates.csv", LEDGER_COLUMNS, [{"key": "key 2", "whole": False}])
    assert [row["whole"] for row in storing.gates_of(tmp_path)] == [True, False]


def test_a_shared_machine_has_no_neighbour_of_ours() -> None:
    assert set(making.NEIGHBOURS) == set(CONDITIONS)
    before = psutil.Process().children()
    with making._neighbour("shared"):
        assert psutil.Process().children() == before
    with making._neighbour("busy"):
        assert len(psutil.Process().children()) == len(before) + 1


def test_a_time_that_is_over_ends_a_ledger_before_its_next_gate(
    command: Command, cache: dict[str, str]
) -> None:
    words = ("validate", "make", "led", "--equal", "3")
    done = command(*words, *SMALL, "--for", "0.01s", **cache)
    assert done.returncode == 0, done.stderr
    assert "0 gates were added to led; 3 are still to be made" in done.stderr
    assert command(*words, "--for", "0").returncode == 2


def test_no_gate_is_begun_that_would_not_be_over_in_time() -> None:
    clock = making._Clock(ends_s=time.monotonic() + 60)
    assert clock.has_room(14)  # of the first nobody knows how long it takes
    with clock.timing(4):
        time.sleep(0.02)
    assert 0.07 <= clock.expected_s(14) < 30
    assert clock.has_room(14)
    assert not clock.has_room(14 * 10_000)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_ctrl_c_leaves_a_ledger_that_goes_on(command: Command, tmp_path: Path, cache: dict[str, str]) -> None:
    words = ("validate", "make", "led", *SMALL, "--equal")
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *words, "1000", "--neighbour", "bursty"],
        cwd=tmp_path, env={**os.environ, **cache}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    gates = tmp_path / "led" / "gates.csv"
    until = time.monotonic() + 80
    while not (gates.is_file() and len(table(gates)) > 1):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    made = table(gates)
    with gates.open("a") as file:
        file.write("bursty equal 0 77,burs")  # and what a kill may leave besides
    again = command(*words, str(len(made) + 1), "--neighbour", "bursty", **cache)
    assert "1 gates were added to led" in again.stderr, again.stderr
    rows = table(gates)
    assert rows[: len(made)] == made
    assert len({row["key"] for row in rows}) == len(rows) == len(made) + 1
    assert {row["key"] for row in rows} <= {row["key"] for row in table(tmp_path / "led" / "rounds.csv")}
