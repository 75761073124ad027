"""From a client requirement to an interpreter that can import it, with the versions that it resolved to."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench import loops

if TYPE_CHECKING:
    from bench.catalogue import ClientEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An interpreter, and the resolved versions in it. ``requires`` is ``name==version`` a dependency."""

    python: str
    python_version: str
    client_version: str
    requires: str
    loop_version: str


def missing(client: str, entry: ClientEntry, loop: str) -> str | None:
    """Why this client cannot run on this loop here, with what mends it; None if it can."""
    if (why := loops.named(loop).missing()) is not None:
        return why
    distribution = entry.abilities.distribution
    if not distribution:
        return None
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return f"{entry.name} is not installed; install it with: {entry.how_to_get}"
    if client.endswith(".py"):
        return None
    specifier = Requirement(client).specifier
    if not specifier.contains(version, prereleases=True):
        return f"{entry.name} {version} is installed, {client} was asked for; install that one with: uv pip install '{client}'"
    return None


def current(entry: ClientEntry, loop: str) -> Environment:
    """This interpreter's environment, for a client and loop that are not ``missing`` in it."""
    distribution = entry.abilities.distribution
    loop_distribution = loops.named(loop).distribution
    return Environment(
        python=sys.executable,
        python_version=platform.python_version(),
        client_version=metadata.version(distribution or "mqbench"),
        requires=" ".join(_dependencies(distribution)) if distribution else "",
        loop_version=metadata.version(loop_distribution) if loop_distribution else platform.python_version(),
    )


def installed_version(distribution: str) -> str | None:
    """The version here of a distribution, or of mqbench itself for ""; None if it is not installed."""
    try:
        return metadata.version(distribution or "mqbench")
    except metadata.PackageNotFoundError:
        return None


def loop_version(loop: loops.Loop) -> str:
    """The version here of an event loop, in words."""
    if not loop.distribution:
        return f"Python {platform.python_version()}"
    return installed_version(loop.distribution) or "not installed"


def _dependencies(distribution: str) -> list[str]:
    """``name==version`` of everything that a distribution needs here, without itself."""
    found: dict[str, str] = {}
    queue = [distribution]
    while queue:
        for text in metadata.requires(queue.pop()) or ():
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
                continue
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
            queue.append(name)
    return [f"{name}=={version}" for name, version in sorted(found.items())]
