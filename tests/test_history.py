"""Stored runs come back: listed by machine with their headline, and the same cell followed over them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench import archive, results
from bench.cell import Cell
from bench.report import history as told
from bench.report import trend as trends
from bench.trend import series

Command = Callable[..., subprocess.CompletedProcess[str]]
REFERENCE = Path(__file__).parent / "data" / "headline-rabbitmq"


def stored(
    folder: Path, day: int, factor: float = 1.0, *, version: str | None = None, kernel: str = "6.18"
) -> Path:
    """A copy of the reference run from another day, its rates times ``factor``."""
    folder.mkdir(parents=True)
    facts = json.loads((REFERENCE / "run.json").read_text())
    facts["started_at"] = f"2026-10-{day:02d}T10:00:00Z"
    facts["fingerprint"]["kernel"] = kernel
    (folder / "run.json").write_text(json.dumps(facts))
    rows = list(csv.DictReader((REFERENCE / "trials.csv").read_text().splitlines()))
    with (folder / "trials.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            rate = f"{float(row['rate_per_s']) * factor:.6g}"
            writer.writerow({**row, "rate_per_s": rate, "client_version": version or row["client_version"]})
    (folder / "slices.csv").write_text((REFERENCE / "slices.csv").read_text())
    return folder


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen runs, 10 % slower from the ninth on, with another version; one on another kernel."""
    root = tmp_path_factory.mktemp("archive") / "results"
    random = np.random.default_rng(7)
    for day in range(1, 17):
        late = day > 8
        factor = float(np.exp(random.normal(0, 0.01))) * (0.9 if late else 1.0)
        stored(root / f"run-{day:02d}", day, factor, version="11.0" if late else "10.0")
    stored(root / "elsewhere", 20, 3.0, kernel="5.10")
    return root


def test_runs_are_found_within_folders_and_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    stored(tmp_path / "reference" / "one", 2)
    stored(tmp_path / "two", 1)
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "run.json").write_text('{"schema_version": 99, "mqbench_version": "9.9"}')
    runs, problems = archive.find([tmp_path, tmp_path / "two"])
    assert [run.folder.name for run in runs] == ["two", "one"], "oldest first, each once"
    assert len(problems) == 1
    assert "use mqbench 9.9 or newer" in problems[0]


def test_runs_of_one_fingerprint_stand_together(months: Path) -> None:
    runs, _ = archive.find([months])
    first, second = archive.machines(runs)
    assert [len(first.runs), len(second.runs)] == [16, 1]
    assert first.id != second.id
    assert first.id == archive.machine_id(results.load_facts(months / "run-03"))


def test_what_is_no_part_of_the_fingerprint_does_not_part_runs(months: Path) -> None:
    facts = results.load_facts(months / "run-01")
    changed = {**facts, "fingerprint": {**facts["fingerprint"], "memory_bytes": 1, "harness_commit": "x"}}
    assert archive.machine_id(changed) == archive.machine_id(facts)


def test_the_headline_is_the_fastest_of_the_first_point() -> None:
    run = results.load(REFERENCE)
    line = told.entry("abc", "name", run.facts, run.rows, None)
    assert line.headline == ("aioamqp 0.15.0 on uvloop: 8,040 [7,560, 8,550] msg/s, the fastest of 4")
    assert (line.cases, line.rounds, line.outcome) == (4, 5, "valid")


def test_a_run_without_a_valid_row_says_why() -> None:
    run = results.load(REFERENCE)
    rows = [{**row, "status": "invalid", "reason": "3 lost of 9"} for row in run.rows]
    assert told.entry("abc", "name", run.facts, rows, None).headline == "nothing valid: 3 lost of 9"


def test_a_run_that_counts_instructions_has_those_for_its_headline(command: Command, tmp_path: Path) -> None:
    run = results.load(stored(tmp_path / "counted", 1))
    counts = dict.fromkeys(
        ("instructions_per_message", "instructions_low_per_message", "instructions_high_per_message"), 123456
    )
    rows = [{**row, **counts, "meter": "instructions", "instructions_repeats": 3} for row in run.rows]
    facts = {**run.facts, "meter": "instructions"}
    line = told.entry("abc", "name", facts, rows, None)
    assert line.headline == "aio-pika 10.2.1 on asyncio: 123,456 instructions/msg"
    (tmp_path / "counted" / "run.json").write_text(json.dumps(facts))
    for words in (("compare",), ("export", "--format", "bencher")):
        done = command(*words, "counted")
        assert (done.returncode, "counts instructions and has no rates" in done.stderr) == (2, True)


def test_the_headline_of_a_comparison_is_its_verdict() -> None:
    cell = Cell(
        base_case=1, candidate_case=2, place="headline on asyncio", base="aio-pika 9.6.2",
        candidate="aio-pika 10.2.1", outcome="slower", reason="", rounds=12, ratio=0.9512, ratio_low=0.94,
        ratio_high=0.9625, detectable=0.02, p=0.001, base_rate_per_s=5000.0, candidate_rate_per_s=4750.0,
    )  # fmt: skip
    assert told.compared([cell]) == "aio-pika 10.2.1 against aio-pika 9.6.2: slower, 0.951x [0.940, 0.963]"
    assert told.compared([cell, cell]).endswith(", and 1 more cells")


def test_history_lists_by_machine_and_searches(command: Command, months: Path) -> None:
    listed = command("history", "--under", str(months))
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count("Machine ") == 2
    assert listed.stdout.count("aioamqp 11.0 on uvloop") == 8
    found = command("history", "11.0", "run-1", "--under", str(months), "--format", "csv").stdout
    assert [row["run"] for row in csv.DictReader(io.StringIO(found))] == [f"run-{n}" for n in range(10, 17)]
    assert "There is no such run." in command("history", "kafka", "--under", str(months)).stdout


def test_a_new_level_is_found_with_its_run_its_size_and_the_version(months: Path) -> None:
    runs, _ = archive.find([months])
    machine = archive.machines(runs)[0]
    found = series(machine.id, [(run.folder.name, run.facts, run.rows) for run in machine.runs])
    assert len(found) == 4
    for one in found:
        (shift,) = one.shifts
        assert one.moments[shift.index].run == "run-09"
        assert shift.ratio_low < 0.9 < shift.ratio_high
        assert "slower from run-09 (2026-10-09) on; the client went from 10.0 to 11.0." in trends.sentence(
            one, shift
        )


def test_an_invalid_run_is_no_value_and_another_broker_is_another_cell() -> None:
    run = results.load(REFERENCE)
    broken = [{**row, "status": "invalid", "reason": "x"} for row in run.rows]
    other = [{**row, "broker_version": "4.0"} for row in run.rows]
    found = series("m", [("a", run.facts, run.rows), ("b", run.facts, broken), ("c", run.facts, other)])
    assert len(found) == 8
    assert {len(one.moments) for one in found} == {1}


def test_trend_shows_spark_lines_and_what_is_new(command: Command, months: Path) -> None:
    shown = command("trend", str(months), "--cell", "aio-pika", "--cell", "uvloop")
    assert shown.returncode == 0, shown.stderr
    assert "headline aio-pika uvloop is" in shown.stdout
    assert "aioamqp" not in shown.stdout
    assert "Advisory" in shown.stdout
    assert trends.BLOCKS[-1] in shown.stdout
    assert "1 cells were measured in one run only." in shown.stdout
    rows = list(csv.DictReader(io.StringIO(command("trend", str(months), "--format", "csv").stdout)))
    assert len(rows) == 64
    assert sum(bool(row["new_level"]) for row in rows) == 4


def test_a_single_run_has_no_trend(command: Command) -> None:
    gone = command("trend", "gone")
    assert (gone.returncode, gone.stderr[:32]) == (2, "mqbench: there is no folder gone")
    done = command("trend", str(REFERENCE))
    assert "No cell was measured in two runs of one fingerprint." in done.stdout


@pytest.mark.parametrize(("values", "line"), [((1, 2, 3), "▁▄█"), ((5, 5), "▄▄"), (tuple(range(30)), None)])
def test_a_spark_line_goes_from_the_lowest_to_the_highest(values: tuple[int, ...], line: str | None) -> None:
    drawn = trends.spark(values)
    assert len(drawn) == min(len(values), trends.SPARK_COLUMNS)
    assert line is None or drawn in (line, line.replace("▄", "▅"))
