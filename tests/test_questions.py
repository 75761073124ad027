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


def refusal(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    """The one sentence of a command that refused; nothing on standard output."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


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
    command: Command, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    assert message in refusal(command("sweep", *words))
    assert not (tmp_path / "results").exists()


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
    command: Command, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "something").touch()
    assert message in refusal(command("tune", *words))
    assert not (tmp_path / "results").exists()
