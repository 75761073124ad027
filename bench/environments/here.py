"""The environment that runs us: what it has, and whether that is what was asked for."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from bench.loops import Loop


def installed_version(distribution: str) -> str | None:
    """The version here of a distribution, or of mqbench itself for ""; None if it is not installed."""
    try:
        return metadata.version(distribution or "mqbench")
    except metadata.PackageNotFoundError:
        return None


def loop_version(loop: Loop) -> str:
    """The version here of an event loop, in words."""
    if not loop.distribution:
        return f"Python {platform.python_version()}"
    return installed_version(loop.distribution) or "not installed"


def meets(requirement: Requirement) -> bool:
    """Whether it is installed here; what has a URL or extras is taken not to be."""
    if requirement.url is not None or requirement.extras:
        return False
    version = installed_version(requirement.name)
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def dependencies(distribution: str) -> list[str]:
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
