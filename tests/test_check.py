"""``mqbench check`` from outside: exit codes, what it writes, and what is refused before it measures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pandas as pd
import pytest
from wheels import checkout, wheel

from bench.check import contenders
from bench.gate import gatefile
from bench.report import gate as report

Command = Callable[..., "subprocess.CompletedProcess[str]"]
ROOT = Path(__file__).parent.parent
SHORT = ("--slices", "3", "--broker", "embedded", "--limit", "2")
CELL = '[[cells]]\nscenario = "headline"\nset = { warmup_s = 0.05 }\n'


def gate(tmp_path: Path, *lines: str, cells: str = CELL) -> Path:
    path = tmp_path / "gate.toml"
    path.write_text("\n".join((*lines, cells)))
    return path


def test_a_slower_candidate_is_a_regression_in_every_form(
    command: Command, tmp_path: Path, faulty: Callable[[str], str], nothing_left: None
) -> None:
    source = Path(faulty("slow")).read_text().replace("range(100)", "range(1000)")
    (tmp_path / "slower.py").write_text(source)  # by so much that no neighbour can hide it in seven rounds
    gate(tmp_path, 'base = "memory"', 'candidate = "slower.py"', "rounds = [4, 7]")
    done = command(
        "check", "--config", "gate.toml", *SHORT, "--output", "run", "--json", "out.json",
        "--junit", "out.xml", "--markdown", "out.md", GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
        XDG_CACHE_HOME=str(tmp_path / "cache"), UV_OFFLINE="1",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    told = json.loads((tmp_path / "out.json").read_text())
    jsonschema.validate(told, json.loads(Path(report.__file__).with_name("check.schema.json").read_text()))
    assert told == json.loads((tmp_path / "run" / "check.json").read_text())
    assert (told["outcome"], told["exit_code"], told["cells"][0]["rounds"]) == ("regression", 1, 7)
    assert told["sentence"] in done.stdout
    assert ET.parse(tmp_path / "out.xml").find(".//failure") is not None
    assert (tmp_path / "summary.md").read_text() == (tmp_path / "out.md").read_text()
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert (trials.groupby("case")["round"].max() == 11).all()  # the two copies of the base as well
    assert json.loads((tmp_path / "run" / "run.json").read_text())["rounds"] == 11
    shown = command("show", "run")
    assert told["sentence"] in shown.stdout
    environments = (tmp_path / "cache" / "mqbench" / "environments").iterdir()
    assert len([path for path in environments if path.is_dir()]) == 3


def test_a_candidate_that_loses_messages_is_no_pass(
    command: Command, tmp_path: Path, faulty: Callable[[str], str]
) -> None:
    gate(tmp_path, 'base = "memory"', f'candidate = "{faulty("loses")}"')
    done = command("check", "--config", "gate.toml", *SHORT, "--limit", "0.5", "--budget", "1h")
    assert done.returncode == 6, done.stderr
    assert "lost" in done.stdout
    assert "round 2" not in done.stderr  # though there is an hour for more


def test_a_budget_plans_the_rounds_from_times_alone(command: Command, tmp_path: Path) -> None:
    gate(tmp_path, 'base = "memory"', 'candidate = "memory"')
    done = command(
        "check", "--config", "gate.toml", *SHORT, "--budget", "1s", "--margin", "50%", "--output", "run"
    )
    assert done.returncode in (0, 3), done.stderr
    assert "base and candidate are the same" in done.stderr
    facts = json.loads((tmp_path / "run" / "run.json").read_text())["gate"]
    assert facts["first"] == 4  # what a first stage needs, though it does not fit
    assert facts["second"] in (0, 7)


@pytest.mark.parametrize(
    ("lines", "cells", "code", "message"),
    [
        (('bas = "memory"',), CELL, 2, "there is no key 'bas': did you mean 'base'?"),
        (('candidate = "memory"',), CELL, 2, "says no base: add base ="),
        (('base = "memory"',), CELL, 2, "names no project: add client ="),
        (('base = "git:main"', 'client = "memory"'), CELL, 2, "has no commit 'main'"),
        (('base = "memory"', 'candidate = "aio-pika"'), CELL, 4, "the sides differ in protocol"),
        (
            ('base = "aioamqp==9.9"', 'candidate = "aioamqp"'),
            CELL,
            2,
            "there can be no environment for aioamqp==9.9",
        ),
        (('base = "memory"', 'candidate = "memory"', 'cells = ["headlin"]'), "", 6, "no scenario 'headlin'"),
        (
            ('base = "memory"', 'candidate = "memory"', 'cells = ["gone.py"]'),
            "",
            6,
            "there is no scenario file",
        ),
        (
            ('base = "memory"', 'candidate = "memory"', 'cells = ["smoke", "smoke"]'),
            "",
            2,
            "has the cell 'smoke' twice",
        ),
        (
            ('base = "memory"', 'candidate = "memory"', 'cells = ["latency"]'),
            "",
            2,
            "the load of latency is open: its rate is given, and a gate compares rates",
        ),
        (
            ('base = "memory"', 'candidate = "memory"', 'meter = "work"'),
            CELL,
            2,
            'meter takes "time" or "instructions", got \'work\'',
        ),
        (
            ('base = "memory"', 'candidate = "memory"', 'loop = "winloop"'),
            CELL,
            6,
            "no cell can be measured, so the gate cannot pass",
        ),
        (
            ('base = "memory"', 'candidate = "memory"', 'python = "/nowhere"'),
            CELL,
            2,
            "there is no such file",
        ),
    ],
)
def test_what_cannot_be_gated_ends_with_a_sentence_before_anything_is_measured(
    command: Command, tmp_path: Path, lines: tuple[str, ...], cells: str, code: int, message: str
) -> None:
    gate(tmp_path, *lines, cells=cells)
    wheel(tmp_path / "index", "aioamqp", "0.1")
    done = command(
        "check", "--config", "gate.toml", XDG_CACHE_HOME=str(tmp_path / "cache"), UV_OFFLINE="1",
        UV_NO_INDEX="1", UV_FIND_LINKS=str(tmp_path / "index"), UV_CACHE_DIR=str(tmp_path / "uv"),
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "results").exists()


def test_what_plans_times_does_not_go_with_counting(command: Command, tmp_path: Path) -> None:
    gate(tmp_path, 'base = "memory"', 'candidate = "memory"', 'meter = "instructions"', 'budget = "60s"')
    done = command("check", "--config", "gate.toml", "--rounds", "4,7", "--slices", "3")
    assert done.returncode == 2
    assert "--meter instructions does not go with --rounds, --slices: leave it out" in done.stderr


def test_a_gate_that_counts_needs_valgrind_and_says_how_to_get_it(command: Command, tmp_path: Path) -> None:
    gate(tmp_path, 'base = "memory"', 'candidate = "memory"')
    done = command("check", "--config", "gate.toml", "--meter", "instructions", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "needs valgrind, which is not installed; install it with" in done.stderr


def test_without_a_gate_it_says_how_to_get_one(command: Command) -> None:
    done = command("check")
    assert (done.returncode, "mqbench init" in done.stderr) == (2, True)


def test_a_place_to_write_that_is_not_there_is_said_before_anything_is_measured(
    command: Command, tmp_path: Path
) -> None:
    gate(tmp_path, 'base = "memory"', 'candidate = "memory"')
    done = command("check", "--config", "gate.toml", "--json", "nowhere/out.json")
    assert (done.returncode, "there is no folder nowhere" in done.stderr) == (2, True)


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=mqbench", "-c", "user.email=mqbench@localhost")
    return subprocess.run(
        ["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def repository(folder: Path) -> Path:
    source = checkout(folder)
    git(source, "init", "-q", "-b", "main")
    git(source, "add", ".")
    git(source, "commit", "-qm", "first")
    return source


def test_a_dirty_checkout_is_no_base_unless_asked_for(command: Command, tmp_path: Path) -> None:
    source = repository(tmp_path / "tiny")
    (source / "tinyclient.py").write_text('VERSION = "2.0"\n')
    base = f"aioamqp @ {source.as_uri()}"
    gate(tmp_path, f'base = "{base}"', 'candidate = "aioamqp"', cells=CELL)
    done = command("check", "--config", "gate.toml", "--broker", "embedded")
    assert done.returncode == 4, done.stderr
    assert "is a checkout with changes that are not committed" in done.stderr
    assert "--allow-dirty-base" in done.stderr
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    words = ("--broker", "embedded", "--allow-dirty-base", "--output", "full")
    allowed = command("check", "--config", "gate.toml", *words)
    assert "the results folder full is not empty" in allowed.stderr


async def test_the_candidate_is_the_checkout_and_the_base_a_commit_of_it(tmp_path: Path) -> None:
    source = repository(tmp_path / "tiny")
    commit = git(source, "rev-parse", "main").strip()
    asked = gatefile.parse({"base": "git:main"}, "gate.toml", source)
    base, candidate = await contenders.clients(asked)
    assert candidate == f"tinyclient @ {source.absolute().as_uri()}"
    assert base == f"tinyclient @ git+{source.resolve().as_uri()}@{commit}"


async def test_a_commit_of_a_repository_that_holds_more_than_the_client_is_taken_from_its_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "other").mkdir()
    checkout(tmp_path / "clients" / "tiny")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    asked = gatefile.parse({"base": "git:main", "checkout": "clients/tiny"}, "gate.toml", tmp_path)
    base, _ = await contenders.clients(asked)
    assert base.endswith("#subdirectory=clients/tiny")


def test_an_interrupted_gate_keeps_its_rounds_and_is_no_pass(
    command: Command, tmp_path: Path, nothing_left: None
) -> None:
    gate(tmp_path, 'base = "memory"', 'candidate = "memory"', "rounds = [5000, 5000]")
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", "check", "--config", "gate.toml", *SHORT, "--output", "run"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    trials = tmp_path / "run" / "trials.csv"
    try:
        ends_s = time.monotonic() + 60
        while not trials.is_file() or trials.read_text().count("\n") < 4:
            assert time.monotonic() < ends_s
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, said
    assert said.endswith("mqbench: interrupted; what was measured so far is kept\n")
    told = json.loads(command("show", "run", "--format", "json").stdout)
    assert told["outcome"] in ("inconclusive", "invalid")
