"""What a shell offers for a word that is being typed: names of scenarios, clients, loops, brokers, runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click


def scenarios(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names with their questions, and files once it looks like a path."""
    from bench.catalogue import scenarios

    named = [CompletionItem(entry.name, help=entry.question) for entry in scenarios().values()]
    return [*_beginning(begun, named), *_files(begun)]


def clients(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    from bench.catalogue import clients

    named = [CompletionItem(entry.name, help=entry.summary) for entry in clients().values()]
    return [*_beginning(begun, named), *_files(begun)]


def loops(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    from bench.loops import LOOPS

    return _beginning(begun, (CompletionItem(loop.name, help=loop.summary) for loop in LOOPS.values()))


def brokers(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    from bench.brokers.kinds import ORIGINS, SOURCES

    names = ("auto", *ORIGINS, *(source.kind for source in SOURCES))
    return _beginning(begun, map(CompletionItem, dict.fromkeys(names)))


def fields(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """``FIELD=``, and after it the choices of a field that has a few."""
    from bench.scenario import Scenario

    name, equals, _rest = begun.partition("=")
    if equals:
        choices = (*Scenario.CHOICES.get(name, ()),)
        return _beginning(begun, (CompletionItem(f"{name}={choice}") for choice in choices))
    return _beginning(begun, (CompletionItem(f"{field}=") for field in Scenario().to_json()))


def sides(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """A side of a comparison: a client, ``loop=NAME``, ``python=`` or ``FIELD=VALUE``."""
    name, equals, rest = begun.partition("=")
    if equals and name == "loop":
        found = loops(context, parameter, rest)
        return [CompletionItem(f"loop={item.value}", help=item.help) for item in found]
    ways = _beginning(begun, (CompletionItem("loop="), CompletionItem("python=")))
    return [*clients(context, parameter, begun), *ways, *fields(context, parameter, begun)]


def runs(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Run folders under results/ by their names, the latest first, and any folder."""
    from bench.cli.options import RESULTS

    names = sorted((path.parent.name for path in RESULTS.glob("*/run.json")), reverse=True)
    return [*_beginning(begun, map(CompletionItem, names)), CompletionItem(begun, type="dir")]


def _beginning(begun: str, items: Iterable[CompletionItem]) -> list[CompletionItem]:
    return [item for item in items if str(item.value).startswith(begun)]


def _files(begun: str) -> list[CompletionItem]:
    return [CompletionItem(begun, type="file")] if begun.startswith((".", "/", "~")) or "/" in begun else []
