"""The environment that runs us: what it has, and whether that is what was asked for."""

from __future__ import annotations

import json
import platform
import re
from importlib import metadata
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.environments.origin import checkout_at, local_path

if TYPE_CHECKING:
    from bench.loops import Loop


def installed_version(distribution: str) -> str | None:
    """The version here of a distribution, or of mqbench itself for ""; None if it is not installed."""
    try:
        return metadata.version(distribution or "mqbench")
    except metadata.PackageNotFoundError:
        return None


def pinned(distribution: str) -> str | None:
    """The requirement that installs elsewhere what is installed here; None of a folder of this machine."""
    version = installed_version(distribution)
    told = _direct_url(distribution)
    if version is None or not told:
        return None if version is None else f"{distribution}=={version}"
    url = re.sub(r"//[^/@]*@", "//", told["url"])  # who may read it is nothing to write into a file
    if source := told.get("vcs_info"):
        return f"{distribution} @ {source['vcs']}+{url}@{source['commit_id']}"
    return f"{distribution} @ {url}" if url.startswith("https://") else None


async def commit_label(distribution: str) -> str:
    """How a version shows what it was installed from: the commit of a checkout that is used in place, or "".

    Of a copy of a checkout nobody knows any more what it was copied from.
    """
    told = _direct_url(distribution)
    if commit := told.get("vcs_info", {}).get("commit_id"):
        return f"g{commit[:7]}"
    path = local_path(told["url"]) if told.get("dir_info", {}).get("editable") else None
    if path is None or not path.is_dir():
        return ""
    return (await checkout_at(path)).label


def _direct_url(distribution: str) -> dict[str, Any]:
    """What the installer noted of a URL that it was given; empty where there was none."""
    try:
        told = json.loads(metadata.distribution(distribution).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def labelled(version: str, label: str) -> str:
    """A version with the commit that it was built from: ``9.6.2+g1a2b3c4.dirty``."""
    if not label:
        return version
    return f"{version}{'.' if '+' in version else '+'}{label}"


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
