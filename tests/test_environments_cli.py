"""Versions side by side, and the environments that they live in, from outside."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from wheels import wheel

Command = Callable[..., "subprocess.CompletedProcess[str]"]
RUN = ("run", "smoke", "--rounds", "1", "--slices", "1", "--set", "warmup_s=0.05", "--broker", "embedded")


def offline(tmp_path: Path) -> dict[str, str]:
    return {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "UV_FIND_LINKS": str(tmp_path / "index"),
        "UV_NO_INDEX": "1",
        "UV_OFFLINE": "1",
    }


def trials(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--client", "aioamqp==9.9"),
            "there can be no environment for aioamqp==9.9: there is no version of",
        ),
        (("--client", "aioamqp==0.1"), "aioamqp==0.1 fails to import on Python"),
        (("--client", "aioamqp @ file:///nowhere"), "there is no checkout /nowhere"),
        (("--client", "nothing==1"), "no client 'nothing'"),
        (("--client", "memory", "--loop", "asyncio==1"), "asyncio comes with Python"),
        (("--client", "memory", "--loop", "winloop"), "winloop does not run on"),
        (("--python", "/nowhere/python"), "--python /nowhere/python: there is no such file"),
    ],
)
def test_what_cannot_be_had_ends_with_a_sentence_and_leaves_nothing(
    command: Command, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    wheel(tmp_path / "index", "aioamqp", "0.1", "raise RuntimeError('too old')")
    loop = () if "--loop" in words else ("--loop", "asyncio")
    ended = command(*RUN, *loop, *words, **offline(tmp_path))
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("mqbench: ")
    assert message in ended.stderr.splitlines()[-1]
    assert not (tmp_path / "results").exists()
    assert list((tmp_path / "cache" / "mqbench").glob("environments/*")) == []


def test_a_client_of_our_own_runs_on_a_pinned_loop(command: Command, tmp_path: Path) -> None:
    wheel(tmp_path / "index", "uvloop", "0.1", "from asyncio import new_event_loop\n")
    words = (*RUN, "--client", "memory", "--loop", "asyncio", "--loop", "uvloop==0.1", "--output", "run")
    ended = command(*words, **offline(tmp_path))
    assert ended.returncode == 0, ended.stderr
    rows = trials(tmp_path / "run")
    assert {(row["loop"], row["status"]) for row in rows} == {("asyncio", "valid"), ("uvloop==0.1", "valid")}
    assert {row["loop_version"] for row in rows} >= {"0.1"}
    listed = command("envs", **offline(tmp_path))
    assert "uvloop==0.1" in listed.stdout
    assert command("envs", "--prune", **offline(tmp_path)).stdout == ""
    pruned = command("envs", "--prune", "--all", **offline(tmp_path))
    assert pruned.stdout.startswith("removed uvloop==0.1 (Python ")
    assert list((tmp_path / "cache" / "mqbench").glob("environments/*")) == []


def test_all_alone_says_that_it_belongs_to_prune(command: Command) -> None:
    ended = command("envs", "--all")
    assert (ended.returncode, "give both" in ended.stderr) == (2, True)


def test_two_versions_whose_dependencies_clash_stand_in_one_table(command: Command, tmp_path: Path) -> None:
    words = (*RUN, "--loop", "asyncio", "--client", "aio-pika", "--client", "aio-pika==9.6.2")
    ended = command(*words, "--output", "run", XDG_CACHE_HOME=str(tmp_path / "cache"))
    if "without a network" in ended.stderr:
        pytest.skip("aio-pika 9.6.2 is on an index that cannot be reached, and not in uv's cache")
    assert ended.returncode == 0, ended.stderr
    new, old = sorted(trials(tmp_path / "run"), key=lambda row: int(row["case"]))
    assert (old["status"], old["client_version"]) == ("valid", "9.6.2")
    assert "pamqp==3." in old["client_requires"]
    assert "pamqp==4." in new["client_requires"]
