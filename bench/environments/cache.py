"""The folder of built environments: which there are, how large, when last used, and removing them."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.environments.lock import locked_alone_if_free, remove_lock
from bench.errors import UsageError

RECORD = "mqbench.json"
BUILDING = ".building"
DAY_S = 86_400.0
COLUMNS = ("asked for", "resolved to", "Python", "MB", "last used")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An environment that is there. ``packages`` are all that is installed in it, by name."""

    folder: Path
    asked: tuple[str, ...]
    python_version: str
    client_version: str
    requires: str
    loop_version: str
    packages: dict[str, str]
    last_used_s: float

    @property
    def python(self) -> Path:
        return python_in(self.folder)

    @property
    def name(self) -> str:
        return ", ".join(self.asked) or "Python alone"

    def words(self) -> tuple[str, ...]:
        """A row for people, by COLUMNS."""
        return (
            self.name,
            ", ".join(f"{name} {version}" for name, version in self.packages.items()),
            self.python_version,
            f"{self.size_bytes() / 1e6:.1f}",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(self.last_used_s)),
        )

    def size_bytes(self) -> int:
        """Of its files; most are hard links into uv's cache, and take no room of their own."""
        return sum(
            os.lstat(Path(folder, name)).st_size
            for folder, _, names in os.walk(self.folder)
            for name in names
        )


def python_in(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def home() -> Path:
    """Where we keep what can be made again."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = str(Path.home() / ".cache")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or base).absolute() / "mqbench"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the cache folder {folder} cannot be made ({error.strerror}); choose another with XDG_CACHE_HOME"
        ) from error
    return folder


def environments() -> Path:
    return home() / "environments"


def measured() -> Path:
    return home() / "measured"


def stored(folder: Path) -> Built | None:
    """The environment in that folder; None if there is none, or its interpreter is gone."""
    record = folder / RECORD
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        built = Built(
            folder=folder,
            last_used_s=record.stat().st_mtime,
            **{**found, "asked": tuple(found["asked"])},
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return built if built.python.exists() else None


def listed() -> list[Built]:
    """Every environment, the last used first."""
    root = environments()
    folders = root.iterdir() if root.is_dir() else ()
    found = [built for folder in folders if (built := stored(folder)) is not None]
    return sorted(found, key=lambda built: built.last_used_s, reverse=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    removed: tuple[Built, ...]
    in_use: tuple[Built, ...]


def prune(older_than_days: float) -> Pruned:
    """Removes what was not used for that long and is not in use, and what killed builds have left."""
    root = environments()
    now_s = time.time()
    removed, in_use = [], []
    for built in listed():
        if now_s - built.last_used_s < older_than_days * DAY_S:
            continue
        if _removed(built.folder):
            removed.append(built)
        else:
            in_use.append(built)
    kept = {built.folder.name for built in listed()}
    for left in list(root.iterdir()) if root.is_dir() else ():
        name = left.name.removesuffix(BUILDING).removesuffix(".lock")
        if name not in kept:
            _removed(root / name)
    for copy in measured().glob("*"):
        if now_s - copy.stat().st_mtime >= max(1, older_than_days) * DAY_S:  # a run may be using it
            shutil.rmtree(copy, ignore_errors=True)
    return Pruned(removed=tuple(removed), in_use=tuple(in_use))


def _removed(folder: Path) -> bool:
    """Whether it is gone, with all that belongs to it; not if a run holds its lock."""
    lock = folder.with_name(f"{folder.name}.lock")
    with locked_alone_if_free(lock) as free:
        if free:
            shutil.rmtree(folder.with_name(folder.name + BUILDING), ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            remove_lock(lock)
    return free
