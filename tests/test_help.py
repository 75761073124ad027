"""Help texts show examples that the commands understand, and shells complete the names."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import click
import pytest
from click.shell_completion import ShellComplete
from documented import commands, examples, understood

from bench import catalogue
from bench.cli import main
from bench.loops import LOOPS

COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples_that_it_understands(name: str) -> None:
    shown = examples(COMMANDS[name])
    assert shown, f"{name} --help shows no example"
    for line in shown:
        assert line.startswith(name)
        understood(line)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_every_command_is_explained(name: str) -> None:
    context = click.Context(COMMANDS[name], info_name=name)
    assert COMMANDS[name].get_short_help_str()
    options = [one for one in COMMANDS[name].get_params(context) if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help and one.name != "shape"] == []


def test_an_example_that_is_wrong_is_found() -> None:
    for line in ("mqbench rum", "mqbench run --clint x", "mqbench run --set prefech=1"):
        with pytest.raises(Exception, match=r"(?i)no such|no command|no scenario field"):
            understood(line)


def completed(words: list[str], begun: str) -> list[str]:
    shell = ShellComplete(main, {}, "mqbench", "_MQBENCH_COMPLETE")
    return [item.value for item in shell.get_completions(words, begun) if item.type == "plain"]


@pytest.mark.parametrize(
    ("words", "begun", "found"),
    [
        ([], "doc", ["doctor"]),
        (["run"], "pre", ["prefetch"]),
        (["run"], "", list(catalogue.scenarios())),
        (["run", "--client"], "aio", [name for name in catalogue.clients() if name.startswith("aio")]),
        (["run", "--loop"], "", list(LOOPS)),
        (["run", "--broker"], "e", ["embedded"]),
        (["run", "--set"], "pre", ["prefetch="]),
        (["run", "--set"], "guarantee=", ["guarantee=at-most-once", "guarantee=at-least-once"]),
        (["ab"], "aiok", ["aiokafka"]),
        (["ab", "loop=asyncio"], "loop=u", ["loop=uvloop"]),
        (["ab", "aio-pika", "aioamqp"], "head", ["headline"]),
        (["broker"], "mos", ["mosquitto"]),
        (["calibrate", "--loop"], "uv", ["uvloop"]),
        (["list"], "l", ["loops"]),
    ],
)
def test_a_shell_completes_the_names_that_there_are(words: list[str], begun: str, found: list[str]) -> None:
    assert completed(words, begun) == found


def test_a_path_is_completed_by_the_shell() -> None:
    shell = ShellComplete(main, {}, "mqbench", "_MQBENCH_COMPLETE")
    assert [item.type for item in shell.get_completions(["run"], "./my_sc")] == ["file"]


def test_bash_asks_the_command_and_gets_names(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    asked = {"COMP_WORDS": "mqbench run --loop uvl", "COMP_CWORD": "3"}
    done = command(_MQBENCH_COMPLETE="bash_complete", **asked)
    assert done.stdout == "plain,uvloop\n"
