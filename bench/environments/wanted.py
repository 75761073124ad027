"""What a case asks an environment for: a client, a loop and a Python, and what that means to uv."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from bench import loops
from bench.environments.here import installed_version, meets
from bench.environments.interpreter import Interpreter, ours
from bench.environments.origin import Origin, local_path, origin_of
from bench.environments.running import without_credentials
from bench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.catalogue import ClientEntry

FORMAT = 1
"""Raised when environments that were built before must not be used any more."""


def find_loop(asked: str) -> loops.Loop:
    """The loop of a name or of a requirement such as ``uvloop==0.21.0``; raises UsageError and its kinds."""
    if asked in loops.LOOPS:
        return loops.named(asked)
    loop = loops.named(_requirement(asked, "uvloop==0.21.0").name)
    if not loop.distribution:
        raise UsageError(
            f"{loop.name} comes with Python and has no version of its own; choose one with --python VERSION"
        )
    return loop


def missing(loop: str, python: Interpreter) -> str | None:
    """Why this loop cannot be had on that Python, with what mends it; None if it can.

    A loop by name alone is the one that is installed here; one with a version can be had anyway.
    """
    found = find_loop(loop)
    if (why := found.unfit(python.minor)) is not None:
        return why
    return found.missing() if loop == found.name and python.ours else _not_installed(found, loop)


def _not_installed(loop: loops.Loop, asked: str) -> str | None:
    if asked != loop.name or not loop.distribution or installed_version(loop.distribution):
        return None
    return f"{loop.name} is not installed here; name a version, such as --loop '{loop.name}>=0'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A client on a loop on a Python. ``client`` and ``loop`` are as they were asked for.

    A ``twin`` other than 0 is built for itself, whatever is here: what is compared with itself must not be
    one and the same environment.
    """

    client: str
    entry: ClientEntry
    loop: str
    python: Interpreter
    twin: int = 0

    @property
    def requirement(self) -> Requirement | None:
        """The client's; None for a client of our own. Raises UsageError."""
        distribution = self.entry.abilities.distribution
        if not distribution:
            return None
        asked = distribution if self.client.endswith(".py") else self.client
        return _as_here(_requirement(asked, "aio-pika==9.6.2"))

    @property
    def loop_requirement(self) -> Requirement | None:
        """The loop's; None for one that comes with Python. Raises UsageError."""
        if not find_loop(self.loop).distribution:
            return None
        return _as_here(_requirement(self.loop, "uvloop==0.21.0"))

    @property
    def is_here(self) -> bool:
        """Whether the environment that runs us is what is asked for."""
        asked = (self.requirement, self.loop_requirement)
        return not self.twin and self.python.ours and all(one is None or meets(one) for one in asked)

    def __str__(self) -> str:
        loop = self.loop_requirement
        words = [self.client, *([f"with {loop}"] if loop is not None else [])]
        if self.python.build != ours().build:
            words.append(f"on Python {self.python.version}")
        return without_credentials(" ".join(words))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What uv is to install, and the ``key`` of it: the same key is the same environment."""

    wanted: Wanted
    asked: tuple[str, ...]
    origins: tuple[Origin, ...]

    @property
    def key(self) -> str:
        python = self.wanted.python
        states = [origin.state for origin in self.origins]
        parts = json.dumps([FORMAT, self.asked, states, python.base, python.build, self.wanted.twin])
        name = re.sub(r"[^A-Za-z0-9.]+", "-", " ".join(self.asked).partition("://")[0]).strip("-")[:48]
        return f"{name or 'python'}-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"

    @property
    def client_origin(self) -> Origin:
        return self.origins[0] if self.wanted.requirement is not None else Origin()

    def installed_from(self, sources: Path) -> list[str]:
        """The requirements for uv, a checkout replaced by its copy in ``sources``."""
        words = []
        for index, (text, origin) in enumerate(zip(self.asked, self.origins, strict=True)):
            requirement = Requirement(text)
            if origin.checkout is not None:
                requirement.url = (sources / str(index)).as_uri()
            elif origin.url is not None:
                requirement.url = origin.url
            elif requirement.url is not None and (path := local_path(requirement.url)) is not None:
                requirement.url = path.as_uri()
            words.append(str(requirement))
        return words


async def order_of(wanted: Wanted) -> Order:
    """Looks at checkouts and branches, which may have changed since; raises UsageError."""
    asked = [one for one in (wanted.requirement, wanted.loop_requirement) if one is not None]
    return Order(
        wanted=wanted,
        asked=tuple(str(one) for one in asked),
        origins=tuple([await origin_of(one) for one in asked]),
    )


def _as_here(requirement: Requirement) -> Requirement:
    """By name alone it is the version that is installed here, so that cases differ in nothing else."""
    if requirement.url is None and not requirement.specifier:
        here = installed_version(requirement.name)
        requirement.specifier = SpecifierSet(f"=={here}" if here else "")
    return requirement


def _requirement(text: str, example: str) -> Requirement:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{text!r} is not a requirement such as {example}: {reason}") from error
    if requirement.url is not None and re.search(r"://[^/@]*:[^/@]*@|https?://[^/@]+@", requirement.url):
        raise UsageError(
            f"the requirement of {canonicalize_name(requirement.name)} has credentials in its URL, which "
            "results would repeat; leave them to git's credential helper or to a netrc file"
        )
    return requirement
