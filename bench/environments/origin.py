"""What exactly a requirement with a URL names: the content of a checkout, the commit of a git repository."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from bench.environments.running import ended
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.requirements import Requirement

NETWORK_LIMIT_S = 20.0
_FULL_COMMIT = re.compile(r"[0-9a-f]{40}")
_NOT_SOURCE = {"__pycache__", "node_modules", "venv", "build", "dist"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """``state`` changes when the code does; ``label`` is how a version shows it: ``g1a2b3c4.dirty``.

    ``url`` is where to install from, if not where the requirement says: a branch is pinned to its commit.
    ``files`` are a checkout's own, below ``checkout``: what git tracks or would, or all but leftovers.
    """

    state: str = ""
    label: str = ""
    url: str | None = None
    checkout: Path | None = None
    files: tuple[str, ...] = ()


async def origin_of(requirement: Requirement) -> Origin:
    """Of one without URL it is empty. Raises UsageError."""
    url = requirement.url
    if url is None:
        return Origin()
    if url.startswith("git+"):
        return await _of_git(requirement, url.removeprefix("git+"))
    if (path := local_path(url)) is None:
        return Origin()
    if path.is_dir():
        return await checkout_at(path)
    if path.is_file():
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        return Origin(state=content, label=f"file.{content[:7]}")
    raise UsageError(f"there is no checkout {path} (asked for by {str(requirement)!r})")


def local_path(url: str) -> Path | None:
    """The path of a file URL, or of a URL that is a path itself; None of any other."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    if "://" not in url:
        return Path(unquote(url)).absolute()
    return None


async def checkout_at(path: Path) -> Origin:
    """Content decides, not the commit alone: an edited checkout is another one."""
    files = await _tracked(path)
    names = tuple(sorted(files or _walked(path)))
    whole = hashlib.sha256()
    for name in names:
        whole.update(f"{name}\0".encode() + hashlib.sha256((path / name).read_bytes()).digest())
    content = whole.hexdigest()
    commit = await _git(path, "rev-parse", "HEAD") if files else None
    if commit is None:
        return Origin(state=content, label=f"local.{content[:7]}", checkout=path, files=names)
    dirty = await _git(path, "status", "--porcelain", "--", ".")
    label = f"g{commit[:7]}" + (".dirty" if dirty else "")
    return Origin(state=f"{commit} {content}", label=label, checkout=path, files=names)


async def commit_at(path: Path, ref: str) -> str | None:
    """The whole commit of a branch, tag or other name in a checkout; None where git knows no such thing."""
    return await _git(path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")


async def top_of(path: Path) -> Path | None:
    """The folder with the whole repository that a checkout is in; None where there is none."""
    found = await _git(path, "rev-parse", "--show-toplevel")
    return Path(found) if found else None


async def _tracked(path: Path) -> list[str]:
    """The files that git tracks, or would if they were added; none outside git, or where git ignores all."""
    listed = await _git(path, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".")
    found: list[str] = []
    for name in (listed or "").split("\0"):
        if name and (path / name).is_dir():  # a submodule
            found += (f"{name}/{below}" for below in _walked(path / name))
        elif name and (path / name).is_file():
            found.append(name)
    return list(dict.fromkeys(found))


def _walked(path: Path) -> Iterator[str]:
    """The files below a folder, but for hidden folders, environments and what builds leave."""
    for child in path.iterdir():
        if child.is_file():
            if child.suffix != ".pyc":
                yield child.name
        elif not (
            child.name.startswith(".")
            or child.name in _NOT_SOURCE
            or child.name.endswith(".egg-info")
            or (child / "pyvenv.cfg").exists()
        ):
            yield from (f"{child.name}/{below}" for below in _walked(child))


def copy_checkout(origin: Origin, folder: Path) -> None:
    """A copy to build from, so that a build neither leaves anything in the checkout nor finds old leftovers.

    ``.git`` goes along: some projects take their version from it.
    """
    assert origin.checkout is not None
    for name in origin.files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(origin.checkout / name, target)
    git = origin.checkout / ".git"
    if git.is_dir():
        shutil.copytree(git, folder / ".git", symlinks=True)
    elif git.is_file():
        shutil.copy2(git, folder / ".git")


async def _of_git(requirement: Requirement, url: str) -> Origin:
    """A branch or tag is looked up each time, for it may have moved; a whole commit needs no network."""
    address, hash_, fragment = url.partition("#")
    head, at, revision = address.rpartition("@")
    if not at or "/" not in head.partition("://")[2]:  # that @ is the user's, or there is none
        head, revision = address, "HEAD"
    commit = revision if _FULL_COMMIT.fullmatch(revision) else await _remote(requirement, head, revision)
    return Origin(state=commit, label=f"g{commit[:7]}", url=f"git+{head}@{commit}{hash_}{fragment}")


async def _remote(requirement: Requirement, head: str, revision: str) -> str:
    words = ["git", "ls-remote", head, revision, f"{revision}^{{}}"]
    try:
        answer = await ended(words, cwd=Path.cwd(), limit_s=NETWORK_LIMIT_S)
    except FileNotFoundError:
        raise UsageError(f"{requirement} needs git, which is not installed") from None
    except TimeoutError:
        raise UsageError(f"{head} did not answer git within {NETWORK_LIMIT_S:g} s") from None
    if answer.code:
        reason = " ".join(answer.said.split()).removeprefix("fatal: ")[:200]
        raise UsageError(
            f"git cannot say what {revision} of {head} is ({reason}); "
            "without a network, name a whole commit that was built before"
        )
    commits = {name: commit for commit, name in (line.split(None, 1) for line in answer.out.splitlines())}
    for name in ("HEAD", f"refs/heads/{revision}", f"refs/tags/{revision}^{{}}", f"refs/tags/{revision}"):
        if name in commits:
            return commits[name]
    return revision  # a shortened commit: git lists names alone


async def _git(path: Path, *words: str) -> str | None:
    """What git says about a folder; None where there is no git, or it knows nothing of the folder."""
    try:
        answer = await ended(
            ["git", "-C", str(path), *words], cwd=path, variables={"GIT_OPTIONAL_LOCKS": "0"}
        )
    except (OSError, TimeoutError):
        return None
    return None if answer.code else answer.out.strip("\n")
