"""What this machine says when it is asked whether it is fit to measure on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from bench import doctor
from bench.fitness import Facts


def test_a_program_that_is_not_here_is_said_with_what_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for tool in doctor.tools():
        assert not tool.available
        assert tool.detail == "not installed"
        assert tool.mend


async def test_the_noise_of_this_machine_is_that_of_a_client_against_itself() -> None:
    told: list[object] = []
    noise = await doctor.noise(say=told.append, tell=told.append, rounds=2, slices=2)
    assert noise.rounds == 2
    assert noise.ratio_low <= noise.ratio <= noise.ratio_high
    assert noise.detectable is None  # two rounds can see nothing
    assert told


def test_the_command_says_everything_to_a_script_and_its_exit_code_agrees(
    command: Callable[..., subprocess.CompletedProcess[str]], nothing_left: None
) -> None:
    done = command("doctor", "--quick", "--format", "json")
    said = json.loads(done.stdout)
    assert done.returncode == (0 if said["fit"] else 5)
    assert Facts.from_json(said["facts"]).noise is None
    assert {"cores", "governor", "noise"} <= {one["name"] for one in said["checks"]}
    assert {one["name"] for one in said["tools"]} >= {"uv", "docker", "valgrind"}
    assert any(one["origin"] == "embedded" and one["available"] for one in said["brokers"])


def test_the_command_says_in_a_sentence_whether_the_machine_is_fit(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = command("doctor", "--quick", COLUMNS="40")
    assert done.stdout.splitlines()[-1].startswith("This machine is ")
    assert done.returncode in (0, 5)
    assert done.stderr == ""
