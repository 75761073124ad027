"""What the control groups around this process leave it of the machine's CPU and memory (Linux, v1 and v2)."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def _files(root: Path, controller: str, name: str) -> list[str]:
    """The contents of a control file of this process's group and of every group around it.

    Version 2 is asked for by the controller "". Inside a container the path in /proc may be the host's, which
    is not there; the groups that are there are then the mount's own.
    """
    mount = root / "sys/fs/cgroup"
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", maxsplit=2)
        if controller not in controllers.split(","):
            continue
        hierarchy = mount / controllers if controllers else mount
        if not controllers and not (mount / "cgroup.controllers").exists():
            hierarchy = mount / "unified"  # version 2 beside version 1
        group = PurePosixPath(path.lstrip("/"))
        texts = [_read(hierarchy / folder / name) for folder in (group, *group.parents)]
        return [text for text in texts if text is not None]
    return []


def cpu_quota_cores(root: Path) -> float | None:
    """The tightest CPU quota around this process, in cores; None if there is none."""
    second = [text.split() for text in _files(root, "", "cpu.max")]
    quotas = _files(root, "cpu", "cpu.cfs_quota_us")
    periods = _files(root, "cpu", "cpu.cfs_period_us")
    pairs = [*(pair for pair in second if len(pair) == 2), *zip(quotas, periods, strict=False)]
    cores = [int(quota) / int(period) for quota, period in pairs if quota not in ("max", "-1")]
    return min(cores, default=None)


def memory_limit_bytes(root: Path, memory_bytes: int) -> int | None:
    """The tightest memory limit around this process; None if there is none below the machine's memory."""
    texts = [
        *_files(root, "", "memory.max"),
        *_files(root, "memory", "memory.limit_in_bytes"),
    ]
    # Version 1 says "no limit" by a number near 2^63.
    return min((int(text) for text in texts if text.isdigit() and int(text) < memory_bytes), default=None)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return None
