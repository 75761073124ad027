"""A run that was interrupted goes on: what is complete stays, nothing is measured twice, or it is refused."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from interrupting import interrupted

from bench import results, resuming
from bench.errors import BenchError, ComparisonRefusedError, ResultsError, SchemaError, UsageError
from bench.ledger.injected import Injection

Command = Callable[..., "subprocess.CompletedProcess[str]"]
EMBEDDED = ("--broker", "embedded", "--limit", "5")
MEMORY = ("run", "smoke", "--client", "memory", "--loop", "asyncio", "--rounds", "3", "--no-report")
SHORT = ("--set", "warmup_s=0.05", "--set", "measure_s=0.3", "--slices", "6")


def facts(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "run.json").read_text()))


def complete(folder: Path, within: int) -> pd.DataFrame:
    """The rows of the rounds before the one that was interrupted, as text."""
    trials = pd.read_csv(folder / "trials.csv", dtype=str)
    cut = trials[trials["round"] == str(within)]
    assert cut["reason"].str.startswith("interrupted").any() or cut.empty
    return trials[trials["round"].astype(int) < within].reset_index(drop=True)


def check_that_each_was_measured_once(folder: Path, *, cases: int, rounds: int, slices: int) -> None:
    trials, turns = pd.read_csv(folder / "trials.csv"), pd.read_csv(folder / "slices.csv")
    assert sorted(zip(trials["case"], trials["round"], strict=True)) == [
        (case, number) for case in range(1, cases + 1) for number in range(1, rounds + 1)
    ]
    assert (trials["status"] == "valid").all()
    assert len(turns) == cases * rounds * slices
    assert not turns.duplicated(["case", "round", "slice"]).any()
    assert len(trials[["case", "slice_messages"]].drop_duplicates()) == cases  # chosen once a run
    seed = facts(folder)["seed"]
    for number, drawn in trials.groupby("round")["hash_seed"].first().items():
        assert drawn == random.Random(repr((seed, "round", number))).randrange(1, 2**32)
    lines = (folder / "latency.hlog").read_text().splitlines()
    tags = [line.partition(",")[0] for line in lines if line.startswith("Tag=")]
    assert len(set(tags)) == len(tags) >= cases * rounds
    assert sum("BaseTime" in line for line in lines) == 1


def test_a_gate_that_was_interrupted_ends_as_it_would_have(
    command: Command, tmp_path: Path, nothing_left: None
) -> None:
    for name in ("base", "same"):
        Injection(client="aioamqp", kind="work", units=0).write(tmp_path, name)
    lines = ('base = "base.py"', 'candidate = "same.py"', "rounds = [4, 7]", 'margin = "50%"', "slices = 3")
    cells = '[[cells]]\nscenario = "headline"\nset = { warmup_s = 0.05 }\n'
    (tmp_path / "gate.toml").write_text("\n".join((*lines, cells)))
    said = interrupted("check", "--config", "gate.toml", *EMBEDDED, cwd=tmp_path, within=2)
    assert said.endswith("mqbench: interrupted; what was measured so far is kept\n")
    before, seed = complete(tmp_path / "run", 2), facts(tmp_path / "run")["seed"]
    done = command("check", "--resume", "run", "--json", "out.json")
    assert done.returncode in (0, 3, 5), done.stderr  # equal sides: by chance not sure, never a regression
    whole = facts(tmp_path / "run")
    assert (whole["seed"], whole["finished"], len(whole["resumed"])) == (seed, True, 1)
    rounds = whole["gate"]["first"] + whole["gate"]["second"]
    check_that_each_was_measured_once(tmp_path / "run", cases=3, rounds=rounds, slices=3)
    after = pd.read_csv(tmp_path / "run" / "trials.csv", dtype=str)
    pd.testing.assert_frame_equal(after.head(len(before)), before)
    told = json.loads((tmp_path / "out.json").read_text())
    assert (told["seed"], told["exit_code"]) == (seed, done.returncode)
    assert told == json.loads(command("show", "run", "--format", "json").stdout)


def test_a_comparison_that_was_interrupted_ends_as_it_would_have(
    command: Command, tmp_path: Path, nothing_left: None
) -> None:
    for name in ("base", "same"):
        Injection(client="aioamqp", kind="work", units=0).write(tmp_path, name)
    interrupted("ab", "base.py", "same.py", *SHORT, *EMBEDDED, "--rounds", "4", cwd=tmp_path, within=3)
    before = complete(tmp_path / "run", 3)
    assert len(before) == 4
    done = command("ab", "--resume", "run", "--no-report", "--format", "json")
    assert done.returncode == 3, done.stderr  # four rounds are too few for a verdict
    check_that_each_was_measured_once(tmp_path / "run", cases=2, rounds=4, slices=6)
    after = pd.read_csv(tmp_path / "run" / "trials.csv", dtype=str)
    pd.testing.assert_frame_equal(after.head(len(before)), before)
    (cell,) = json.loads(done.stdout)
    assert cell["rounds"] == 4
    again = command("ab", "--resume", "run")
    assert (again.returncode, "run is complete" in again.stderr) == (2, True)


def test_a_run_that_was_killed_while_it_wrote_goes_on(command: Command, tmp_path: Path) -> None:
    interrupted(*MEMORY, *SHORT, cwd=tmp_path, within=2, by=signal.SIGKILL)
    for name in ("trials.csv", "slices.csv", "latency.hlog"):
        with (tmp_path / "run" / name).open("a") as file:
            file.write("1,2,1,val")
    done = command("run", "--resume", "run")
    assert done.returncode == 0, done.stderr
    check_that_each_was_measured_once(tmp_path / "run", cases=1, rounds=3, slices=6)


def test_a_gate_with_a_budget_goes_on_with_the_times_that_it_had(command: Command, tmp_path: Path) -> None:
    cells = '[[cells]]\nscenario = "headline"\nset = { warmup_s = 0.05 }\n'
    (tmp_path / "gate.toml").write_text(f'base = "memory"\ncandidate = "memory"\n{cells}')
    words = ("check", "--config", "gate.toml", "--budget", "1s", "--margin", "50%", "--slices", "3")
    interrupted(*words, cwd=tmp_path, within=3)
    (first,) = facts(tmp_path / "run")["round_s"]  # of the second round
    done = command("check", "--resume", "run")
    assert done.returncode in (0, 3, 5), done.stderr
    whole = facts(tmp_path / "run")
    assert (whole["round_s"][0], len(whole["round_s"])) == (first, 3)
    assert whole["gate"]["first"] == 4
    rounds = whole["gate"]["first"] + whole["gate"]["second"]
    check_that_each_was_measured_once(tmp_path / "run", cases=3, rounds=rounds, slices=3)


@pytest.mark.timeout(900)
def test_counts_that_are_there_are_not_counted_again(command: Command, tmp_path: Path) -> None:
    words = ("run", "smoke", "--client", "memory", "--loop", "asyncio", "--meter", "instructions")
    done = command(*words, "--rounds", "2", "--output", "run", "--no-report", timeout=600)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "run"
    trials, turns = (results.whole_rows(folder / name) for name in ("trials.csv", "slices.csv"))
    # As it is when the second count was interrupted, whose slices are written at its end.
    cut_ = {**trials[1], "status": "invalid", "reason": "interrupted", "instructions_per_message": ""}
    results.rewrite_table(folder / "trials.csv", [trials[0], cut_])
    results.rewrite_table(folder / "slices.csv", [one for one in turns if one["round"] == "1"])
    stored = facts(folder) | {"finished": False, "outcome": "interrupted"}
    (folder / "run.json").write_text(json.dumps(stored))
    done = command("run", "--resume", "run", timeout=600)
    assert done.returncode == 0, done.stderr
    again = results.whole_rows(folder / "trials.csv")
    assert (again[0], [one["round"] for one in again]) == (trials[0], ["1", "2"])
    assert {one["status"] for one in again} == {"valid"}
    assert [one["round"] for one in results.whole_rows(folder / "slices.csv")] == ["1"] * 6 + ["2"] * 6


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was interrupted, which no test changes."""
    folder = tmp_path_factory.mktemp("cut")
    interrupted(*MEMORY, *SHORT, cwd=folder, within=2)
    return folder / "run"


def test_a_folder_that_is_measured_into_is_not_gone_on_with(cut: Path) -> None:
    with results.held(cut), pytest.raises(ResultsError, match="another mqbench measures into"):
        resuming.taken_up(cut)
    assert resuming.taken_up(cut).last_round == 1


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"finished": True}, UsageError, "is complete, there is nothing to go on with"),
        ({"outcome": "the broker died"}, UsageError, "was not interrupted but ended \\(the broker died\\)"),
        ({"pilot": True}, UsageError, "is a pilot"),
        ({"schema_version": 10_000}, SchemaError, "has results of schema 10000, this mqbench reads up to"),
        ({"schema_version": 0}, ComparisonRefusedError, "was begun by mqbench .* with schema 0, and this is"),
        ({"mqbench_version": "0.0.1"}, ComparisonRefusedError, "was begun by mqbench 0.0.1"),
    ],
)
def test_what_cannot_go_on_is_refused_as_it_is_read(
    cut: Path, tmp_path: Path, changes: dict[str, Any], kind: type[BenchError], message: str
) -> None:
    shutil.copytree(cut, tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text(json.dumps({**facts(cut), **changes}))
    with pytest.raises(kind, match=message):
        resuming.taken_up(tmp_path / "run")


def test_tables_with_other_columns_are_not_written_into(cut: Path, tmp_path: Path) -> None:
    shutil.copytree(cut, tmp_path / "run")
    path = tmp_path / "run" / "slices.csv"
    path.write_text(path.read_text().replace("elapsed_s", "elapsed_min"))
    with pytest.raises(ComparisonRefusedError, match=r"run has other columns in slices\.csv than mqbench"):
        resuming.taken_up(tmp_path / "run")


@pytest.mark.parametrize(
    ("words", "changes", "code", "message"),
    [
        (("--rounds", "9"), {}, 2, "was begun with another number of rounds: give no more than --resume"),
        (("--set", "prefetch=7"), {}, 2, "was begun with another prefetch in its case 1"),
        (("--client", "aioamqp", "--broker", "embedded"), {}, 2, "was begun with another set of cases"),
        ((), {"fingerprint": {"cores_online": 1000}}, 4, "the machine differs in cores_online (1000 and now"),
        ((), {"brokers": {"memory": {"version": "0"}}}, 4, "cannot go on, as its broker was memory"),
        ((), {"installed": {"1": {"loop_version": "2.7"}}}, 4, "with another loop_version (2.7 and now"),
        ((), {"installed": {"1": {"state": "changed"}}}, 4, "with another state (changed and now"),
        ((), {"command": ["mqbench", "tune"]}, 2, "was begun by mqbench tune, not by mqbench run"),
        ((), {"command": ["mqbench", "run", "a @ git+https://…@h/a"]}, 2, "whose credentials are not stored"),
    ],
)
def test_what_would_be_measured_otherwise_is_refused_and_the_folder_stays(
    command: Command,
    cut: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    changes: dict[str, Any],
    code: int,
    message: str,
) -> None:
    shutil.copytree(cut, tmp_path / "run")
    changed = facts(cut)
    for name, value in changes.items():
        if name == "command":
            changed[name] = value
            continue
        for key, inner in value.items():
            if name == "installed":
                changed[name][key][0] |= inner
            elif isinstance(inner, dict):
                changed[name][key] |= inner
            else:
                changed[name][key] = inner
    (tmp_path / "run" / "run.json").write_text(json.dumps(changed))
    stored = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    done = command("run", "--resume", "run", *words)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == stored


def test_a_run_that_is_not_there_is_said_by_each_command(command: Command) -> None:
    for name in ("run", "check", "ab"):
        done = command(name, "--resume", "nowhere")
        assert done.returncode == 2
        assert "nowhere is not a run folder" in done.stderr or "there is no gate here" in done.stderr


def row(case: int, number: int, status: str = "valid", reason: str | None = None, block: int = 1) -> Any:
    return {"case": case, "round": number, "block": block, "status": status, "reason": reason}


def test_of_an_interrupted_round_only_what_failed_by_itself_stays() -> None:
    cut_ = "interrupted after 1 of 3 turns"
    rows = [
        {**row(9, 0, "skipped", "no such loop"), "block": None},
        *(row(case, 1) for case in (1, 2, 3)),
        row(1, 2, "invalid", "3 lost"),
        row(2, 2, "invalid", cut_),
        row(3, 2),
    ]
    kept = resuming._kept(rows, [[1, 2, 3]])
    assert kept == [rows[0], *rows[1:4], rows[4]]


def test_a_case_that_was_given_up_is_not_missed_in_later_rounds() -> None:
    rows = [row(1, 1), row(2, 1, "invalid", "3 lost"), row(1, 2)]
    assert resuming._kept(rows, [[1, 2]]) == rows


def test_a_round_with_a_row_too_few_does_not_stay() -> None:
    rows = [row(1, 1), row(2, 1), row(1, 1, block=2)]
    assert resuming._kept(rows, [[1, 2], [1, 3]]) == rows[:2]
