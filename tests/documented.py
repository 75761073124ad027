"""The commands that documents and help texts show: found, and parsed as they would be when typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from bench.cli import main

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"generated", "_build"} & set(path.parts))
WITH_COMMANDS = [
    *PAGES,
    *(ROOT / name for name in ("README.md", "METHOD.md", "CONTRIBUTING.md", "results/README.md")),
]


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the comment before it without its marks, and its text."""

    language: str
    mark: str
    text: str


def blocks(path: Path) -> Iterator[Block]:
    pattern = r"(?:^<!-- ([^\n]*?) -->\n)?^```(\w+)\n(.*?)^```$"
    for mark, language, text in re.findall(pattern, path.read_text(), re.MULTILINE | re.DOTALL):
        yield Block(language, mark, text)


def shell_lines(path: Path) -> list[str]:
    """The lines of its blocks of shell, without the words that explain them."""
    lines = (line for block in blocks(path) if block.language == "sh" for line in block.text.splitlines())
    return [re.split(r"\s+#", line)[0] for line in lines if line.strip() and not line.startswith("#")]


def spans(path: Path) -> list[str]:
    """The commands within its sentences: whole ones, or the name of one and how it begins."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`(mqbench [a-z]+[^`]*)`", text)


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
