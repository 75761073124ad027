"""Commands that can go on with a run that was interrupted, with the words that it was begun with."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.show import stored_folder
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OPTION = "--resume"
CREDENTIALS = ("--broker", "--tls-ca", "--tls-certificate", "--tls-key")
"""Options whose values are not stored where they have credentials, or where somebody keeps them."""
VIEW = ("--quiet", "-q", "--verbose", "-v")
HIDDEN = "…"


class Resumable(click.Command):
    """With ``--resume RUN`` its words are those that RUN was begun with, and then those given now."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        folder = _asked(args)
        needs_words = any(isinstance(one, click.Argument) and one.required for one in self.params)
        if folder is not None and (needs_words or folder.is_dir()):
            args = [*_begun_with(folder, str(self.name)), *args]
        return super().parse_args(ctx, args)


def _asked(words: Sequence[str]) -> Path | None:
    """The run to go on with; None where none is."""
    for word, after in pairwise((*words, "")):
        option, equals, value = word.partition("=")
        if option == OPTION and (equals or after):
            return stored_folder(Path(value if equals else after))
    return None


def _begun_with(folder: Path, name: str) -> list[str]:
    """The words after the command's name; raises ResultsError, or UsageError where it was another command."""
    from bench import results

    command = results.load_facts(folder).get("command", [])
    if command[1:2] != [name]:
        shown = " ".join(command[:2]) or "nothing that run.json tells"
        raise UsageError(f"{folder} was begun by {shown}, not by mqbench {name}")
    words = list(_open(command[2:]))
    if hidden := next((word for word in words if HIDDEN in word), None):
        raise UsageError(
            f"{folder} was begun with {hidden!r}, whose credentials are not stored: start it anew"
        )
    return words


def _open(words: Sequence[str]) -> Iterator[str]:
    """Without what is given anew each time: how loud it is, and what was not stored as it was given."""
    left = iter(words)
    for word in left:
        option, equals, value = word.partition("=")
        if word in VIEW:
            continue
        if option not in CREDENTIALS:
            yield word
            continue
        given = value if equals else next(left, "")
        if HIDDEN not in given:
            yield from (option, given)
