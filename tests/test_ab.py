"""``mqbench ab`` from outside: two sides in the same rounds, a verdict, and what is refused."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench import ab, catalogue, environments, plan
from bench.client import Abilities

Command = Callable[..., "subprocess.CompletedProcess[str]"]
SHORT = ("--set", "warmup_s=0.05", "--set", "measure_s=0.2", "--slices", "8")
ROOT = Path(__file__).parent.parent


def cell(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    (one,) = json.loads(done.stdout)
    assert isinstance(one, dict)
    return one


def test_a_client_that_does_more_work_is_slower_and_that_is_no_failure(
    command: Command, tmp_path: Path, faulty: Callable[[str], str], nothing_left: None
) -> None:
    done = command("ab", "memory", faulty("slow"), *SHORT, "--rounds", "9", "--output", "run")
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"^slow \S+ is [\d.]+ % \[[\d., -]+\] slower than memory \S+ at headline on asyncio\. ",
        done.stdout,
        re.MULTILINE,
    )
    (row,) = pd.read_csv(tmp_path / "run" / "comparison.csv").to_dict("records")
    assert (row["outcome"], row["rounds"]) == ("slower", 9)
    assert row["ratio_low"] < row["ratio"] < row["ratio_high"] < 1
    assert row["sentence"] in done.stdout
    arms = json.loads((tmp_path / "run" / "run.json").read_text())["arms"]
    assert (arms["differ"], arms["base"], arms["pairs"]) == ("client", "memory", [[1, 2]])
    again = command("show", "run")
    assert row["sentence"] in again.stdout
    assert cell(command("show", "run", "--format", "json"))["sentence"] == row["sentence"]
    assert command("show", "run", "--format", "csv").stdout.startswith("base_case,candidate_case,place,")


def test_both_sides_take_turns_in_every_round(command: Command, tmp_path: Path) -> None:
    command("ab", "prefetch=10", "prefetch=100", *SHORT, "--client", "memory", "--rounds", "2", "--seed", "3",
            "--output", "run")  # fmt: skip
    slices = pd.read_csv(tmp_path / "run" / "slices.csv")
    assert (slices.groupby("round")["case"].nunique() == 2).all()
    assert slices["case"].diff().abs().sum() > 8  # not one after the other
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert trials.groupby("case")["prefetch"].first().to_dict() == {1: 10, 2: 100}
    assert len(trials[["round", "hash_seed"]].drop_duplicates()) == 2


def test_the_same_client_on_both_sides_is_not_called_different(command: Command, tmp_path: Path) -> None:
    def outcome(name: str) -> str:
        done = command(
            "ab", "memory", "memory", *SHORT, "--rounds", "8", "--format", "json", "--output", name,
            XDG_CACHE_HOME=str(tmp_path / "cache"), UV_OFFLINE="1",
        )  # fmt: skip
        assert done.returncode in (0, 3), done.stderr
        assert "both sides are the same" in done.stderr
        return str(cell(done)["outcome"])

    # By chance one in 130 is; two in a row are no chance.
    assert any(outcome(name) in ("no difference", "inconclusive") for name in ("one", "two"))
    assert (
        len([path for path in (tmp_path / "cache" / "mqbench" / "environments").iterdir() if path.is_dir()])
        == 2
    )


def test_too_few_rounds_are_said_and_end_with_3(command: Command, faulty: Callable[[str], str]) -> None:
    done = command("ab", "memory", faulty("slow"), *SHORT, "--rounds", "2", "--format", "json")
    assert done.returncode == 3
    assert "2 rounds are too few for a verdict, which needs at least 8" in done.stderr
    assert cell(done)["outcome"] == "inconclusive"


def test_a_side_that_loses_messages_has_no_verdict_and_ends_with_1(
    command: Command, faulty: Callable[[str], str]
) -> None:
    done = command(
        "ab", "memory", faulty("loses"), *SHORT, "--rounds", "9", "--limit", "0.5", "--format", "json"
    )
    assert done.returncode == 1
    found = cell(done)
    assert (found["outcome"], found["rounds"]) == ("invalid", 0)
    assert "lost" in found["reason"]
    assert "mqbench: invalid: headline" in done.stderr
    assert "round 2" not in done.stderr  # there is nothing to compare any more


def test_several_values_make_several_cells(command: Command) -> None:
    done = command(
        "ab", "prefetch=1", "prefetch=100", *SHORT, "--client", "memory", "--rounds", "1",
        "--set", "payload_bytes=32,64", "--format", "json",
    )  # fmt: skip
    places = [one["place"] for one in json.loads(done.stdout)]
    assert [re.sub(r"memory \S+", "memory", place) for place in places] == [
        f"headline payload_bytes={size} with memory on asyncio" for size in (32, 64)
    ]


def test_a_precision_is_planned_from_a_pilot_whose_rounds_are_in_no_verdict(
    command: Command, tmp_path: Path, faulty: Callable[[str], str]
) -> None:
    done = command(
        "ab", "memory", faulty("slow"), *SHORT, "--until", "50%", "--output", "run", "--format", "json"
    )
    assert done.returncode == 0, done.stderr
    planned = re.search(r"(\d+) rounds are planned for an interval of 50.00% to either side", done.stderr)
    assert planned is not None
    assert cell(done)["rounds"] == int(planned[1]) >= 8
    assert pd.read_csv(tmp_path / "run-pilot" / "trials.csv")["round"].max() == 5
    facts = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("run", "run-pilot")]
    assert facts[0]["seed"] != facts[1]["seed"]


def test_a_budget_too_small_for_a_verdict_is_refused_with_what_it_takes(
    command: Command, tmp_path: Path, faulty: Callable[[str], str]
) -> None:
    done = command(
        "ab", "memory", faulty("slow"), "--set", "warmup_s=0.05", "--budget", "1s", "--output", "run"
    )
    assert done.returncode == 2
    assert re.search(r"the budget is too small: a verdict needs 8 rounds, about \d+ s here", done.stderr)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("memory", "loop=asyncio"), 2, "the sides differ in two ways, client and loop"),
        (
            ("guarantee=at-least-once", "guarantee=at-most-once"),
            4,
            "compare them all the same with --allow guarantee",
        ),
        (("memory", "aio-pika"), 4, "the sides differ in protocol (memory and amqp)"),
        (
            ("memory", "memory", "--client", "memory"),
            2,
            "the sides say the client already: leave --client out",
        ),
        (("prefetch=1", "prefetch=2", "--set", "prefetch=3"), 2, "leave --set prefetch out"),
        (("broker=native", "broker=embedded"), 2, "two brokers cannot take turns in one round"),
        (("memory", "memori"), 2, "no client 'memori'; did you mean 'memory'"),
        (("loop=asyncio", "loop=uvlop", "--client", "memory"), 2, "no loop 'uvlop'; did you mean 'uvloop'"),
        (("memory", "memory", "headlin"), 2, "no scenario 'headlin'; did you mean 'headline'"),
        (("prefetch=1", "prefetch=0", "--client", "memory"), 2, "prefetch must be at least 1, got 0"),
        (("memory", "memory", "--budget", "soon"), 2, "--budget takes a time such as 60s or 5m, got 'soon'"),
        (("memory", "memory", "--until", "200%"), 2, "--until takes a precision from 0.1% to 50%"),
        (
            ("memory", "memory", "--until", "2%", "--budget", "60s", "--rounds", "9"),
            2,
            "--budget and --until each plan the rounds: give one; --rounds says what",
        ),
    ],
)
def test_what_cannot_be_compared_ends_with_a_sentence_before_anything_is_started(
    command: Command, tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    done = command("ab", *words)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("mqbench: ")
    assert message in done.stderr
    assert not (tmp_path / "results").exists()


def test_help_has_the_grammar_and_the_exit_codes(command: Command) -> None:
    done = command("ab", "--help")
    assert "A side is one of" in done.stdout
    assert "3 every cell is inconclusive" in done.stdout


def sides(*clients: str) -> tuple[plan.Plan, dict[int, environments.Wanted]]:
    scenario = catalogue.find_scenario("headline").points[0]
    entries = [
        catalogue.ClientEntry(
            name="own", adapter="own", abilities=Abilities(distribution="ruff", protocol="amqp"), summary=""
        )
    ] * 2
    base, candidate = (
        plan.Case(
            number=number, scenario_name="headline", point="", scenario=scenario, client=client, entry=entry,
            loop="asyncio",
        )
        for number, (client, entry) in enumerate(zip(clients, entries, strict=True), start=1)
    )  # fmt: skip
    planned = plan.paired(
        [(base, candidate)], missing=lambda *_: None, rounds=1, slices=None, seed=1, limit_s=1.0
    )
    python = environments.our_python()
    return planned, {
        case.number: environments.Wanted(client=case.client, entry=case.entry, loop="asyncio", python=python)
        for case in planned.cases
    }


@pytest.mark.parametrize(
    ("clients", "twins"),
    [
        (("ruff", "ruff"), [1, 2]),
        (("ruff", "ruff>=0"), [0, 0]),
        (("ruff==0.0.1", "ruff==0.0.1"), [1, 2]),
        (("ruff==0.0.1", "ruff"), [0, 1]),
        (("ruff", "ruff==0.0.1"), [1, 0]),
        (("ruff==0.0.1", "ruff==0.0.2"), [0, 0]),
    ],
)
def test_sides_differ_in_nothing_that_was_not_asked_for(clients: tuple[str, str], twins: list[int]) -> None:
    planned, wanted = sides(*clients)
    assert [one.twin for one in ab.apart(planned, wanted).values()] == twins
