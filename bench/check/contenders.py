"""From the words of a gate to the clients that it compares: a version, a checkout, a ref of its own."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from bench import environments
from bench.errors import ComparisonRefusedError, UsageError

if TYPE_CHECKING:
    from bench.environments import Wanted
    from bench.gate.gatefile import Asked

REF = "git:"
_HOW = "such as 'aio-pika==9.6.2', 'git:main' (a ref of the client's repository) or an adapter file"


async def clients(asked: Asked) -> tuple[str, str]:
    """The base and the candidate as clients; the candidate is the checkout unless the gate says otherwise.

    Raises UsageError.
    """
    if asked.base is None:
        raise UsageError(f"{asked.origin} says no base: add base = or give --base, {_HOW}")
    base = await _client(asked.base, asked)
    if asked.candidate is None:
        name = _name(asked, "the candidate is the client in the checkout")
        return base, f"{name} @ {asked.checkout.as_uri()}"
    return base, await _client(asked.candidate, asked)


async def _client(word: str, asked: Asked) -> str:
    if not word.startswith(REF):
        if word.startswith((".", "/", "~")) and not word.endswith(".py"):
            raise UsageError(f"{word!r} is a path; a checkout is written 'aio-pika @ file:///path/to/it'")
        return word
    ref = word.removeprefix(REF)
    commit = await environments.commit_at(asked.checkout, ref)
    top = await environments.top_of(asked.checkout)
    if commit is None or top is None:
        raise UsageError(
            f"{asked.checkout} has no commit {ref!r}; fetch it (git fetch origin {ref}; in a workflow "
            "fetch-depth: 0), or name another base"
        )
    name = _name(asked, f"{word} is a commit of the client's repository")
    below = asked.checkout.resolve().relative_to(top.resolve()).as_posix()
    part = "" if below == "." else f"#subdirectory={below}"
    return f"{name} @ git+{top.as_uri()}@{commit}{part}"


def _name(asked: Asked, why: str) -> str:
    """The client's distribution: as the gate says, or as its checkout's own pyproject.toml does."""
    if asked.client is not None:
        return asked.client
    path = asked.checkout / "pyproject.toml"
    try:
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        whole = {}
    name = whole.get("project", {}).get("name") or whole.get("tool", {}).get("poetry", {}).get("name")
    if not isinstance(name, str):
        raise UsageError(
            f"{why}, but {path} names no project: add client = (the distribution) and checkout = (its folder)"
        )
    return canonicalize_name(name)


async def refuse_dirty(base: Wanted) -> None:
    """Raises ComparisonRefusedError where the base is a checkout with changes that are not committed."""
    label = (await environments.order_of(base)).client_origin.label
    if label.endswith(".dirty"):
        raise ComparisonRefusedError(
            f"the base {base.client} is a checkout with changes that are not committed, so nobody can say "
            "what it was: commit or stash them, name a commit (git:REF), or give --allow-dirty-base"
        )


async def same(base: Wanted, candidate: Wanted) -> bool:
    """Whether both would install the same, from the same state of the same source, with the same adapter."""
    one, other = [await environments.order_of(replace(each, twin=0)) for each in (base, candidate)]
    return one.key == other.key and base.entry.adapter == candidate.entry.adapter
