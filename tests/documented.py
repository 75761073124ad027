"""The commands that help texts and documents show: found, and parsed as they would be when typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click

from bench.cli import main


def commands(group: click.Group = main, name: str = "mqbench") -> Iterator[tuple[str, click.Command]]:
    """Every command by its whole name, groups before what is in them."""
    yield name, group
    for word, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


def examples(command: click.Command) -> list[str]:
    """The commands of an epilog, without the words that explain them."""
    lines = re.findall(r"^  (mqbench\b.*)$", command.epilog or "", re.MULTILINE)
    return [re.split(r" {2,}", line)[0] for line in lines]


def understood(line: str) -> click.Context:
    """The context of the command that a line calls, its words parsed and checked and nothing run.

    Raises click's UsageError or our own where the command would refuse its words.
    """
    words = shlex.split(line, comments=True)
    assert words[0] == "mqbench", line
    command: click.Command = main
    context = main.make_context("mqbench", words[1:2])
    rest = words[1:]
    while isinstance(command, click.Group) and rest and rest[0] in command.commands:
        command = command.commands[rest[0]]
        if isinstance(command, click.Group):
            context = command.make_context(rest[0], rest[1:2], parent=context)
        else:
            context = command.make_context(rest[0], rest[1:], parent=context)
        rest = rest[1:]
    if isinstance(command, click.Group) and rest:
        raise click.UsageError(f"no command {rest[0]}")
    return context
