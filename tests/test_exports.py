"""Exports are what the other tools read: fed to pytest-benchmark, held to the others' documented formats."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_benchmark.stats import Stats

from bench import results
from bench.exports import bencher, github_action, otava, pytest_benchmark
from bench.exports.cases import Exported, exported

Command = Callable[..., subprocess.CompletedProcess[str]]
REFERENCE = Path(__file__).parent / "data" / "headline-rabbitmq"
NAMES = {f"headline {client} {loop}" for client in ("aio-pika", "aioamqp") for loop in ("asyncio", "uvloop")}
# As https://bencher.dev/docs/reference/bencher-metric-format/ describes it.
BENCHER = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
            "required": ["value"],
            "additionalProperties": False,
        },
    },
}
# As the README of benchmark-action/github-action-benchmark describes it.
GITHUB_ACTION = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "unit": {"type": "string"},
            "value": {"type": "number"},
            "range": {"type": "string"},
            "extra": {"type": "string"},
        },
        "required": ["name", "unit", "value"],
        "additionalProperties": False,
    },
}


@pytest.fixture(scope="module")
def stored() -> results.Run:
    return results.load(REFERENCE)


@pytest.fixture(scope="module")
def cases(stored: results.Run) -> list[Exported]:
    good, left_out = exported(stored.rows)
    assert left_out == []
    return good


def test_a_case_has_a_value_a_round_and_a_name_without_versions(cases: list[Exported]) -> None:
    assert {case.name for case in cases} == NAMES
    assert {len(case.rates_per_s) for case in cases} == {5}
    assert cases[0].facts["client_version"] == "10.2.1"


def test_a_case_with_an_invalid_row_is_left_out_and_said(stored: results.Run) -> None:
    rows = [dict(row) for row in stored.rows]
    next(row for row in rows if row["case"] == 2).update(status="invalid", reason="3 lost of 9")
    good, left_out = exported(rows)
    assert len(good) == 3
    assert len(left_out) == 1
    assert "3 lost of 9" in left_out[0]


@given(st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=40))
def test_the_derived_figures_are_those_of_pytest_benchmark(data: list[float]) -> None:
    theirs: Any = Stats()  # type: ignore[no-untyped-call]
    for value in data:
        theirs.update(value)
    ours = pytest_benchmark.stats(data)
    for name in ("min", "max", "mean", "stddev", "median", "q1", "q3", "iqr", "ops", "total", "rounds"):
        assert ours[name] == pytest.approx(getattr(theirs, name), rel=1e-9, abs=1e-15), name
    if min(data) < max(data):
        assert ours["ld15iqr"] == pytest.approx(theirs.ld15iqr)


def test_pytest_benchmark_reads_and_compares_it(command: Command, tmp_path: Path) -> None:
    done = command("export", str(REFERENCE), "--format", "pytest-benchmark", "--output", "one.json")
    assert (done.returncode, done.stdout) == (0, "")
    shutil.copy(tmp_path / "one.json", tmp_path / "two.json")
    words = [sys.executable, "-m", "pytest_benchmark", "compare", "one.json", "two.json", "--csv=out"]
    read = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert read.returncode == 0, read.stderr
    lines = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    assert {line["name"].removeprefix("mqbench::") for line in lines} == NAMES
    assert read.stdout.count("headline aioamqp uvloop") == 2


def test_the_means_are_those_of_the_rounds(cases: list[Exported], stored: results.Run) -> None:
    told = json.loads(pytest_benchmark.document(cases, stored.facts))
    for case, shown in zip(cases, told["benchmarks"], strict=True):
        assert shown["stats"]["mean"] == pytest.approx(sum(1 / rate for rate in case.rates_per_s) / 5)
    assert told["machine_info"]["node"] is None, "no host name leaves the machine"


def test_what_bencher_gets_is_its_format_with_the_interval(cases: list[Exported]) -> None:
    told = json.loads(bencher.document(cases))
    jsonschema.validate(told, BENCHER)
    throughput = told["headline aio-pika asyncio"]["throughput"]
    assert throughput["lower_value"] < throughput["value"] < throughput["upper_value"]
    assert told["headline aio-pika asyncio"]["latency"]["value"] == pytest.approx(10.815e6), "nanoseconds"


def test_what_github_action_benchmark_gets_is_bigger_is_better_with_its_unit(cases: list[Exported]) -> None:
    told = json.loads(github_action.document(cases))
    jsonschema.validate(told, GITHUB_ACTION)
    assert {one["unit"] for one in told} == {"msg/s"}
    assert [one["value"] for one in told] == [pytest.approx(case.rate_per_s, abs=1e-3) for case in cases]


def test_otava_gets_a_line_a_run_in_their_order_without_an_empty_cell(cases: list[Exported]) -> None:
    runs: list[tuple[str, dict[str, Any], list[Exported]]] = [
        ("later", {"started_at": "2026-02-02T00:00:00Z"}, cases),
        ("earlier", {"started_at": "2026-01-01T00:00:00Z"}, cases[:2]),
    ]
    first, second = csv.DictReader(io.StringIO(otava.document(runs)))
    assert (first["run"], second["run"]) == ("earlier", "later")
    assert list(first)[3:] == ["headline aio-pika asyncio", "headline aio-pika uvloop"]
    assert all(math.isfinite(float(first[name])) for name in list(first)[3:])
    assert otava.columns(runs)[1] == ["headline aioamqp asyncio", "headline aioamqp uvloop"]
    test = json.loads(otava.configuration(runs, "runs.csv"))["tests"]["mqbench"]
    assert {one["column"] for one in test["metrics"].values()} == set(list(first)[3:])


def test_the_command_writes_otavas_configuration_beside_its_file(command: Command, tmp_path: Path) -> None:
    shutil.copytree(REFERENCE, tmp_path / "again")
    words = ("export", str(REFERENCE), "again", "--format", "otava", "--output", "runs.csv")
    assert command(*words).returncode == 0
    assert len((tmp_path / "runs.csv").read_text().splitlines()) == 3
    assert json.loads((tmp_path / "runs.csv.yaml").read_text())["tests"]["mqbench"]["file"] == "runs.csv"


@pytest.mark.parametrize("shape", ["pytest-benchmark", "bencher"])
def test_several_runs_in_a_format_of_one_are_refused(command: Command, shape: str) -> None:
    done = command("export", str(REFERENCE), str(REFERENCE), "--format", shape)
    assert (done.returncode, "export them one by one" in done.stderr) == (2, True)
