"""The pages of the reference that are made from code: commands, exit codes, fields, columns."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import click

from bench import errors
from bench.cli import main
from bench.report import reference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WIDTH = 96
# What no error of the tree stands for, and what it means where a command does not say it itself.
COMMON = {0: "it ended well"}


def write(folder: Path) -> None:
    """Writes every page whose text has changed, so that an unchanged one is not built again."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    return {
        "cli": cli(),
        "exit-codes": exit_codes(),
        "fields": fields(),
        "columns": columns(),
        "catalogue": catalogue(),
        "scenarios": reference.scenario_page(),
    }


def commands(group: click.Group = main, name: str = "mqbench") -> Iterator[tuple[str, click.Command]]:
    """Every command by its whole name, a group before what is in it."""
    yield name, group
    for word, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


def cli() -> str:
    parts = ["# Commands", "What `--help` says, of every command."]
    for name, command in commands():
        context = click.Context(command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
        parts += [f"## {name}", f"```text\n{command.get_help(context)}\n```"]
    parts += ["## Environment variables", reference.markdown(("variable", "stands for"), _variables())]
    return "\n\n".join(parts) + "\n"


def _variables() -> list[tuple[str, str]]:
    found = {
        f"`{option.envvar}`": f"`{option.opts[0]}`"
        for _, command in commands()
        for option in command.params
        if isinstance(option.envvar, str)
    }
    return [*found.items(), ("`NO_COLOR`", "no colours, whatever its value")]


def exit_codes() -> str:
    parts = [
        "# Exit codes",
        "The same code means the same kind of end in every command; a command that has more to say is named.",
        reference.markdown(("code", "meaning"), _meanings()),
        "## The errors behind them",
        "Everything that the harness itself can say went wrong, as one tree:",
        f"```text\n{_tree()}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def codes_of(command: click.Command) -> dict[int, str]:
    """The exit codes that a command's help names, with what they mean there."""
    _, found, listed = (command.epilog or "").partition("Exit codes:")
    if not found:
        return {}
    entries = re.findall(r"(?:^| {2,})(\d+) (.+?)(?= {2,}|$)", listed.partition("\n\n")[0], re.MULTILINE)
    return {int(code): meaning for code, meaning in entries}


def _meanings() -> list[tuple[str, str]]:
    said: dict[int, dict[str, list[str]]] = {code: {text: []} for code, text in COMMON.items()}
    for name, command in commands():
        if command is main:  # it repeats what its commands say
            continue
        for code, meaning in codes_of(command).items():
            said.setdefault(code, {}).setdefault(meaning, []).append(f"`{name}`")
    for kind in _kinds(errors.BenchError):
        said.setdefault(kind.exit_code, {})
    rows = []
    for code, meanings in sorted(said.items()):
        texts = [f"{text} ({', '.join(names)})" if names else text for text, names in meanings.items()]
        rows.append((f"**{code}**", "; ".join(texts) or "see the errors below"))
    return rows


def _kinds(kind: type[errors.BenchError]) -> Iterator[type[errors.BenchError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def _tree() -> str:
    drawing = inspect.getdoc(errors) or ""
    lines = (line for line in drawing.splitlines() if re.match(r"BenchError|[|+ ]", line))
    return "\n".join(lines).strip("\n")


def fields() -> str:
    parts = [
        "# Fields of a scenario",
        "What `--set FIELD=VALUE` and a file with `SCENARIO = Scenario(...)` may say.",
        reference.scenario_fields(),
    ]
    return "\n\n".join(parts) + "\n"


def columns() -> str:
    """Every table of results/README.md, as it is generated there."""
    parts = [
        "# Columns of a run folder",
        "Units are in the names; an empty cell has no figure.",
    ]
    for name, table in reference.TABLES["results/README.md"].items():
        parts += [f"## {name.capitalize()}", table()]
    return "\n\n".join(parts) + "\n"


def catalogue() -> str:
    """Every table of the README: scenarios, clients, what is known of them, loops."""
    parts = ["# What there is"]
    for name, table in reference.TABLES["README.md"].items():
        parts += [f"## {name.capitalize()}", table()]
    return "\n\n".join(parts) + "\n"
