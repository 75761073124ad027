"""The measured half of ours, alone in a folder: all that a worker in another environment can import."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MEASURED = frozenset(
    {
        "arrivals",
        "bench",
        "client",
        "counting",
        "driver",
        "errors",
        "gauges",
        "handler",
        "histogram",
        "loops",
        "mix",
        "partitions",
        "payload",
        "routing",
        "scenario",
        "sockets",
        "worker",
    }
)
"""The modules of ``bench`` that a measured process may load besides adapters; "bench" is ``__init__``."""

OURS = Path(__file__).parent.parent


def measured_sources() -> dict[str, bytes]:
    """The measured modules and the adapters, by path under the package ``bench``."""
    return {path.relative_to(OURS).as_posix(): path.read_bytes() for path in sorted(_files())}


def digest(sources: dict[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name, content in sources.items():
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()[:16]


def copied_under(root: Path) -> Path:
    """A folder with a copy of the package ``bench`` that has the measured half only; made once a version."""
    sources = measured_sources()
    folder = root / digest(sources)
    if folder.is_dir():
        os.utime(folder)
        return folder
    root.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix="building-", dir=root))
    try:
        for name, content in sources.items():
            path = building / "bench" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            building.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
            # Another run was faster: its copy is the same.
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder


def _files() -> Iterator[Path]:
    for name in MEASURED:
        path = OURS / ("__init__.py" if name == "bench" else f"{name}.py")
        yield from [path] if path.is_file() else (OURS / name).rglob("*.py")
    yield from (OURS / "clients").rglob("*.py")
