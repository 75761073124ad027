"""The pytest plugin in a suite of somebody else: what pytest-benchmark gets, and what fails a test."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

FAULTY = Path(__file__).parent / "faulty"
SUITE = f"""
import math
import pytest

SHORT = {{"warmup_s": 0.1, "measure_s": 0.2}}

@pytest.mark.benchmark(group="ours")
def test_sound(mqbench):
    done = mqbench("smoke", client="memory", rounds=2, payload_bytes=64, persistent=False, **SHORT)
    assert done.facts["payload_bytes"] == 64
    assert len(done.rates_per_s) == 2

@pytest.mark.mqbench("smoke", client="memory", rounds=1, **SHORT)
@pytest.mark.parametrize("prefetch", [7])
def test_marked(mqbench, prefetch):
    mqbench(prefetch=prefetch)

def test_loses(mqbench):
    mqbench("smoke", client={str(FAULTY / "loses.py")!r}, rounds=1, **SHORT)

def test_no_such_field(mqbench):
    mqbench("smoke", client="memory", prefech=1)

def test_no_client(mqbench):
    mqbench("smoke")

def test_a_sweep(mqbench):
    mqbench("prefetch", client="memory")

def test_no_such_broker(mqbench):
    mqbench("smoke", client="aioamqp", broker="amqp://127.0.0.1:1/")

def test_plain(benchmark):
    benchmark(math.sqrt, 2)
"""


@dataclass(frozen=True, kw_only=True)
class Session:
    text: str
    failures: dict[str, str]
    passed: set[str]
    benchmarks: dict[str, Any]
    file: Path


def suite(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "-q", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=115,
        check=False,
    )


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """One session of the suite, as its pytest and its pytest-benchmark saw it."""
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "bench").mkdir()
    (folder / "bench" / "__init__.py").write_text("raise RuntimeError('a folder of theirs')\n")
    (folder / "test_theirs.py").write_text(SUITE)
    (folder / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n"
        "asyncio_default_fixture_loop_scope = function\n"
    )
    done = suite(folder, "--import-mode=importlib", "--junitxml=junit.xml", "--benchmark-json=json.json")
    cases = list(ET.parse(folder / "junit.xml").getroot().iter("testcase"))
    failed = {case.attrib["name"]: case.find("failure") for case in cases}
    return Session(
        text=done.stdout,
        failures={name: why.attrib["message"] for name, why in failed.items() if why is not None},
        passed={name for name, why in failed.items() if why is None},
        benchmarks={one["name"]: one for one in json.loads((folder / "json.json").read_text())["benchmarks"]},
        file=folder / "json.json",
    )


def test_a_sound_scenario_passes_and_is_in_the_table_and_the_json(session: Session) -> None:
    assert session.passed == {"test_sound", "test_marked[7]", "test_plain"}
    assert session.benchmarks.keys() == session.passed
    assert "test_sound" in session.text
    assert "OPS" in session.text


def test_the_data_are_seconds_per_message_one_a_round(session: Session) -> None:
    sound = session.benchmarks["test_sound"]
    data = sound["stats"]["data"]
    assert (len(data), sound["stats"]["rounds"], sound["stats"]["iterations"]) == (2, 2, 1)
    info = sound["extra_info"]
    geometric = 1.0
    for value in data:
        geometric /= value
    assert geometric ** (1 / 2) == pytest.approx(info["rate_per_s"])
    assert info["rate_low_per_s"] < info["rate_per_s"] < info["rate_high_per_s"]
    assert info["data_are"] == "seconds per message, one value a round"


def test_the_parameters_are_in_extra_info_and_the_group_stays(session: Session) -> None:
    sound = session.benchmarks["test_sound"]
    assert sound["group"] == "ours"
    wanted = {"scenario": "smoke", "client": "memory", "loop": "asyncio", "payload_bytes": 64, "lost": 0}
    assert {name: sound["extra_info"][name] for name in wanted} == wanted


def test_what_the_marker_says_is_the_default(session: Session) -> None:
    info = session.benchmarks["test_marked[7]"]["extra_info"]
    assert (info["prefetch"], info["rounds"]) == (7, 1)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("test_loses", "mqbench: invalid: "),
        ("test_no_such_field", "no scenario field 'prefech'; did you mean 'prefetch'?"),
        ("test_no_client", "a test measures one scenario with one client"),
        ("test_a_sweep", "prefetch has 6 points, and a test measures one"),
        ("test_no_such_broker", "127.0.0.1:1/ (connection refused)"),
    ],
)
def test_what_is_not_sound_fails_with_its_sentence(session: Session, name: str, reason: str) -> None:
    assert reason in session.failures[name]
    assert " error" not in session.text.splitlines()[-1], "it is said once"
    assert "Traceback" not in session.failures[name]


def test_another_test_keeps_the_clock_of_pytest_benchmark(session: Session) -> None:
    assert 0 < session.benchmarks["test_plain"]["stats"]["min"] < 1e-3
    assert "perf_counter" in session.benchmarks["test_plain"]["options"]["timer"]


def test_pytest_benchmark_compares_it(session: Session) -> None:
    twice = [str(session.file), shutil.copy(session.file, session.file.with_name("again.json"))]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest_benchmark", "compare", *twice, "--columns=mean,ops"],
        cwd=session.file.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test_sound") == 2


def test_where_benchmarks_are_disabled_a_quick_look_is_all(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(
        "def test_it(mqbench):\n"
        "    done = mqbench('smoke', client='memory', rounds=9, warmup_s=0.1, measure_s=0.1)\n"
        "    assert len(done.rates_per_s) == 2\n"
    )
    done = suite(tmp_path, "--benchmark-disable")
    assert done.returncode == 0, done.stdout


def test_where_benchmarks_are_skipped_so_is_it(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text("def test_it(mqbench):\n    mqbench('smoke', client='memory')\n")
    assert "1 skipped" in suite(tmp_path, "--benchmark-skip").stdout


def test_without_pytest_benchmark_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text("def test_it(mqbench):\n    mqbench('smoke', client='memory')\n")
    code = (
        "import importlib.util as util, sys, pytest\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'pytest_benchmark' else found(name, *more)\n"
        "sys.exit(pytest.main(['-p', 'no:benchmark', '-p', 'no:cacheprovider', '-q']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "the fixture mqbench needs pytest-benchmark: pip install" in done.stdout
