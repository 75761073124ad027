"""``mqbench list``: what there is, what is installed, and how to get the rest."""

from __future__ import annotations

import click

from bench.cli.output import print_table

EPILOG = """\b
Examples:
  mqbench list scenarios
  mqbench list clients
  mqbench list brokers
"""


@click.group("list", epilog=EPILOG)
def list_() -> None:
    """Say what there is, what is installed, and how to get the rest."""


@list_.command("scenarios", epilog="\b\nExamples:\n  mqbench list scenarios")
def list_scenarios() -> None:
    """The questions that can be asked, and how many points each has."""
    from bench import catalogue

    rows: list[tuple[str, ...]] = []
    for heading, entries in catalogue.grouped().items():
        rows += [("", "", ""), ("", "", heading)] if rows else [("", "", heading)]
        rows += [(entry.name, str(len(entry.points)), entry.question) for entry in entries]
    print_table(("scenario", "points", "question"), rows)


@list_.command("clients", epilog="\b\nExamples:\n  mqbench list clients")
def list_clients() -> None:
    """The clients that have an adapter: what each can give, on what, and how to get it."""
    from bench import brokers, catalogue, environments
    from bench.loops import LOOPS

    kinds: dict[str, set[str]] = {"memory": {"none"}}
    for found in brokers.list_brokers():
        kinds.setdefault(found.protocol, set()).add(found.kind)
    loops = [name for name, loop in LOOPS.items() if loop.unfit() is None]
    rows: list[tuple[str, ...]] = []
    absent = []
    for entry in catalogue.clients().values():
        version = environments.installed_version(entry.abilities.distribution)
        troubled = {loop for loop, _ in entry.abilities.trouble}
        rows.append(
            (
                entry.name,
                entry.abilities.protocol,
                version or "not here",
                ",\n".join(entry.abilities.guarantees),
                ",\n".join(sorted(kinds.get(entry.abilities.protocol, ()))),
                ", ".join(name for name in loops if name not in troubled) or "none without trouble",
            )
        )
        if not version:
            absent.append(f"{entry.name} is built when it is asked for, or: {entry.how_to_get}")
    names = ("client", "speaks", "version", "guarantees", "brokers", "loops")
    print_table(names, rows, whole=names[:-1])
    for line in absent:
        click.echo(line)


@list_.command("loops", epilog="\b\nExamples:\n  mqbench list loops")
def list_loops() -> None:
    """The event loops, and whether each is installed."""
    from bench import environments
    from bench.loops import LOOPS

    print_table(
        ("loop", "version", "what it is"),
        [
            (
                loop.name,
                environments.loop_version(loop),
                _below(loop.summary, loop.missing() or ""),
            )
            for loop in LOOPS.values()
        ],
        whole=("version",),
    )


@list_.command("brokers", epilog="\b\nExamples:\n  mqbench list brokers")
def list_brokers() -> None:
    """The brokers that can be had, in the order in which auto tries them."""
    from bench import brokers

    print_table(
        ("broker", "protocol", "origin", "here"),
        [
            (
                found.kind,
                found.protocol,
                found.origin,
                _below(found.detail, "" if found.available else f"to mend: {found.mend}"),
            )
            for found in brokers.list_brokers()
        ],
    )


def _below(words: str, more: str) -> str:
    return f"{words}\n{more}" if more else words
