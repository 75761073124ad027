"""The commands that answer a question, from outside: a sentence, a table and data, or why not."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from bench.cli import main

Command = Callable[..., "subprocess.CompletedProcess[str]"]
SHORT = ("--set", "warmup_s=0.05", "--set", "measure_s=0.2", "--client", "memory")
SMALL = (
    "--set",
    "prefetch=1,100",
    "--set",
    "in_flight=1,20",
    "--set",
    "ack_every=1",
    "--quick",
    "--rounds",
    "2",
)


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs a command, in this process as it starts none, that must refuse and leave nothing; its sentence."""

    def run(*words: str) -> str:
        monkeypatch.chdir(tmp_path)
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 2, done.output
        assert done.stdout == ""
        assert not (tmp_path / "results").exists()
        return done.stderr.splitlines()[-1]

    return run


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


# mqbench sweep


def test_a_sweep_ends_with_a_table_its_data_and_a_sentence(
    command: Command, tmp_path: Path, nothing_left: None
) -> None:
    done = command("sweep", "prefetch=1,8,64", *SHORT, "--rounds", "2", "--seed", "1", "--output", "run")
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r" knee *$", done.stdout, re.MULTILINE)) == 2  # the heading and the mark
    said = done.stdout.strip().splitlines()[-1]
    assert said.startswith("memory 0.1.0 on asyncio, prefetch from 1 to 64: ")
    assert re.search(r"knee .*prefetch=\d+.* messages a second with p50 \S+ ms", said)
    rows = pd.read_csv(tmp_path / "run" / "sweep.csv")
    assert list(rows["value"]) == [1, 8, 64]
    assert list(rows["rounds"]) == [2, 2, 2]
    assert rows["knee"].notna().sum() == 1
    assert rows["knee_rounds"].sum() == 2
    assert rows.loc[rows["knee"].notna(), "power"].item() == rows["power"].max()
    assert (rows["rate_low_per_s"] < rows["rate_per_s"]).all()
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert trials.groupby("round")["case"].nunique().to_dict() == {1: 3, 2: 3}
    again = command("show", "run", "--format", "json")
    assert answer(again)["sentences"] == [said]
    assert command("show", "run", "--format", "csv").stdout.startswith(
        "case,client,client_version,loop,field,"
    )


def test_a_sweep_of_words_has_a_best_and_no_knee(command: Command) -> None:
    done = command(
        "sweep", "guarantee=at-most-once,at-least-once", *SHORT, "--rounds", "1", "--format", "json"
    )
    found = answer(done)
    assert [row["knee"] for row in found["rows"]] == [None, None]
    assert "have no order, so there is no knee" in found["sentences"][0]


def test_a_sweep_on_the_embedded_broker_says_which_broker_it_was(command: Command) -> None:
    done = command(
        "sweep", "in_flight=1,20", "--client", "aioamqp", "--broker", "embedded", "--set", "warmup_s=0.1",
        "--set", "measure_s=0.2", "--rounds", "1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Measured against embedded mqbench-amqp" in done.stdout
    assert "A knee takes 3 valid points, and 2 are there." in done.stdout


def test_a_point_that_loses_messages_makes_the_sweep_end_with_1(
    command: Command, faulty: Callable[[str], str]
) -> None:
    done = command(
        "sweep", "prefetch=10,20,40", "--client", faulty("loses"), "--rounds", "1", "--limit", "0.5",
        "--set", "warmup_s=0.05", "--set", "measure_s=0.1",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "has no valid point of prefetch" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("prefetch",), "a sweep takes FIELD=V1,V2,... such as prefetch=1,10,100, got 'prefetch'"),
        (("prefetch=1",), "a sweep takes at least two values of prefetch, got 1"),
        (("prefetch=1,1",), "a sweep takes at least two values of prefetch, got 1"),
        (("prefech=1,2",), "no scenario field 'prefech'; did you mean 'prefetch'"),
        (("prefetch=1,x",), "prefetch must be a whole number, got 'x'"),
        (("prefetch=1,0",), "prefetch must be at least 1, got 0"),
        (("measure_s=1,2",), "measure_s is how long each point is measured"),
        (("prefetch=1,2", "headline", "smoke"), "a sweep is of one scenario, got headline, smoke"),
        (("prefetch=1,2", "payload"), "a sweep varies one field, and payload varies payload_bytes too"),
        (("prefetch=1,2", "--set", "prefetch=3"), "prefetch is swept: leave --set prefetch out"),
        (("prefetch=1,2", "--client", "aiopika"), "no client 'aiopika'; did you mean 'aio-pika'"),
    ],
)
def test_what_is_no_sweep_is_refused_before_anything_starts(
    refused: Callable[..., str], tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "something").touch()
    assert message in refused("sweep", *words)


# mqbench tune


def test_tuning_ends_with_settings_their_share_of_the_best_and_data(
    command: Command, tmp_path: Path, nothing_left: None
) -> None:
    done = command("tune", "--client", "memory", *SMALL, "--seed", "1", "--output", "run")
    assert done.returncode in (0, 3), done.stderr  # two short rounds may leave it open
    said = done.stdout.strip().splitlines()[-1]
    assert re.match(
        r"memory 0\.1\.0 on asyncio needs prefetch=\d+ in_flight=\d+ ack_every=1 at headline .*"
        r"messages a second with p50",
        said,
    )
    rows = pd.read_csv(tmp_path / "run" / "tune.csv")
    assert list(dict.fromkeys(rows["stage"])) == ["screen", "final", "confirm"]
    assert len(rows.query("stage == 'screen'")) == 4
    confirmed = rows.query("stage == 'confirm' and chosen")
    assert len(confirmed) == 1
    assert confirmed["rounds"].item() == 2
    assert f"prefetch={confirmed['prefetch'].item()} in_flight={confirmed['in_flight'].item()} " in said
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert not trials.duplicated(["case", "round", "block"]).any()
    assert answer(command("show", "run", "--format", "json"))["sentences"] == [said]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("headlin",), "no scenario 'headlin'; did you mean 'headline'"),
        (("payload",), "tuning is of one workload, and payload with what was set has 5"),
        (("--set", "prefetch=1", "--set", "in_flight=1", "--set", "ack_every=1"), "leaves nothing to choose"),
        (("--set", "prefetch=1", "--set", "ack_every=5"), "ack_every must be at most prefetch (1), got 5"),
        (("--client", "nobody"), "no client 'nobody'"),
        (("--loop", "uvlop"), "no loop 'uvlop'; did you mean 'uvloop'"),
        (("--broker", "natve"), "no broker 'natve'; did you mean 'native'"),
        (("--output", "."), "is not empty; name a new one with --output"),
    ],
)
def test_what_cannot_be_tuned_is_refused_before_anything_starts(
    refused: Callable[..., str], tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "something").touch()
    assert message in refused("tune", *words)


# mqbench capacity


def test_a_capacity_is_confirmed_and_said(command: Command, tmp_path: Path, nothing_left: None) -> None:
    done = command(
        "capacity", "--p99", "500ms", "--client", "memory", "--window", "1s", "--rounds", "1",
        "--most", "2000", "--set", "warmup_s=0.1", "--output", "run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout.strip().splitlines()[-1]
    assert re.match(r"memory 0\.1\.0 on asyncio holds [\d,]+ messages a second with p99 under 500 ms", said)
    rows = pd.read_csv(tmp_path / "run" / "capacity.csv")
    held = rows.query("full and holds")["asked_rate_per_s"].max()
    assert f"holds {held:,g} messages a second" in said
    assert ("More was not tried." in said) is bool(held == 2000)
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert set(rows["case"]) < set(trials["case"])
    assert trials["load_model"].iloc[0] == "closed"
    assert (trials.query("case > 1")["load_model"] == "open").all()
    assert answer(command("show", "run", "--format", "json"))["sentences"] == [said]


def test_a_limit_that_no_rate_meets_says_the_best_that_was_seen(command: Command) -> None:
    done = command(
        "capacity", "--p99", "1us", "--client", "memory", "--window", "0.5s", "--rounds", "1",
        "--set", "warmup_s=0.05",
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    said = done.stdout.strip().splitlines()[-1]
    assert re.search(
        r"meets p99 under 0.001 ms at no rate .*: the best that was seen is p99 [\d.e+]+ ms", said
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--p99", "0ms"), "--p99 takes a latency such as 20ms or 500us, got '0ms'"),
        (("--p99", "20"), "--p99 takes a latency such as 20ms or 500us, got '20'"),
        (("--p99", "1ms", "--set", "rate_per_s=5"), "the rate is what is searched for"),
        (("--p99", "1ms", "payload"), "a capacity is of one workload, and payload with what was set has 5"),
        (("--p99", "1ms", "publish"), "a load that is open is measured end-to-end, not publish"),
        (("--p99", "1ms", "--set", "payload_bytes=8"), "needs payload_bytes of at least 32"),
        (("--p99", "1ms", "--window", "2m"), "--window takes at most 60 s"),
        (("--p99", "1ms", "--client", "nobody"), "no client 'nobody'"),
    ],
)
def test_what_has_no_capacity_is_refused_before_anything_starts(
    refused: Callable[..., str], tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "something").touch()
    assert message in refused("capacity", *words)


def test_a_workload_that_is_invalid_at_any_rate_has_no_capacity(
    command: Command, faulty: Callable[[str], str]
) -> None:
    done = command(
        "capacity", "--p99", "1s", "--client", faulty("loses"), "--limit", "0.5", "--set", "warmup_s=0.05"
    )
    assert done.returncode == 1, done.stderr
    assert re.search(r"There is no rate to look for: .*lost", done.stdout)


# mqbench soak


def test_a_soak_ends_with_its_gates_and_a_row_for_each_window(
    command: Command, tmp_path: Path, nothing_left: None
) -> None:
    done = command(
        "soak", "--client", "memory", "--rate", "200", "--for", "6s", "--drift", "10000%", "--leak", "50MiB",
        "--output", "run",
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stdout + done.stderr  # a busy machine may leave the latency open
    rows = pd.read_csv(tmp_path / "run" / "soak.csv")
    assert len(rows) == 24
    assert rows["settled"].sum() == 20
    assert rows["at_s"].is_monotonic_increasing
    assert (rows["worker_rss_bytes"] > 1 << 20).all()
    said = done.stdout.strip().splitlines()[-1]
    assert re.match(r"memory 0\.1\.0 on asyncio ran for 6 s at 200 messages a second at headline", said)
    (trial,) = pd.read_csv(tmp_path / "run" / "trials.csv").to_dict("records")
    assert trial["received"] == trial["sent"] == 1200
    assert answer(command("show", "run", "--format", "json"))["sentences"] == [said]


def test_a_client_that_keeps_what_it_published_fails_the_soak(
    command: Command, faulty: Callable[[str], str]
) -> None:
    done = command("soak", "--client", faulty("leaks"), "--rate", "1000", "--for", "6s", "--format", "json")
    assert done.returncode == 1, done.stderr
    found = answer(done)
    assert found["settled"] is False
    assert re.search(r"and failed: .*memory of the worker \(\+\d\d\.\d\d MiB", found["sentences"][0])


def test_a_soak_ends_at_the_first_message_that_is_lost(
    command: Command, faulty: Callable[[str], str]
) -> None:
    done = command(
        "soak", "--client", faulty("loses"), "--rate", "400", "--for", "60s", "--limit", "0.5",
        "--set", "warmup_s=0.1",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert re.search(r"and failed: errors \(.*lost", done.stdout)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--for", "30s"), "a soak is at one rate, and the scenario has none: give one with --rate"),
        (("--for", "30s", "--rate", "0"), "rate_per_s must be more than 0 messages a second, got 0"),
        (("--for", "1s", "--rate", "5"), "a soak takes at least 5 s, got --for 1s"),
        (("--for", "30s", "--rate", "5", "--window", "9s"), "a soak takes at least 10 windows, got 3"),
        (("--for", "9h", "--rate", "50000"), "200,000 are the most: give a shorter --window"),
        (("--for", "30s", "--rate", "5", "--leak", "1MB"), "--leak takes a size such as 1MiB"),
        (("--for", "30s", "--rate", "5", "--drift", "x"), "--drift takes a percentage such as 50%"),
        (("--for", "30s", "--rate", "5", "--set", "rate_per_s=5"), "say the same: give one"),
    ],
)
def test_what_is_no_soak_is_refused_before_anything_starts(
    refused: Callable[..., str], tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "something").touch()
    assert message in refused("soak", *words)
