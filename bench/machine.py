"""The fingerprint of where something was measured: what must agree before runs are compared, and some more.

Host name, user names and paths never enter it. What a platform does not say is None.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import sysconfig
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

from bench import cgroup

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHECKOUT = Path(__file__).resolve().parent.parent
_COMMAND_LIMIT_S = 2.0
# How boards of virtual machines call themselves, for CPUs without a flag that says so.
_HYPERVISORS = r"QEMU|KVM|VMware|VirtualBox|Xen|Bochs|Google Compute|Hyper-V|Virtual Machine|Amazon EC2"
# What METHOD section 4 lists; everything else here is for the reader. A vendor belongs to a family number,
# and a system to a kernel version.
COMPARED = (
    "cpu_vendor",
    "cpu_family",
    "cpu_model",
    "cpu_stepping",
    "architecture",
    "cores_online",
    "cores_affinity",
    "cpu_quota_cores",
    "virtualisation",
    "system",
    "kernel",
    "python_implementation",
    "python_version",
    "python_compiler",
    "python_free_threaded",
    "python_gil",
    "python_build_options",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Where something was measured.

    ``cores_affinity`` is how many of the online cores this process may use, ``cpu_quota_cores`` what its
    control groups leave of them. ``virtualisation`` is "none", or the hypervisor by name where it gives one,
    else "vm". ``harness_dirty`` says whether the harness's own code differs from ``harness_commit``.
    """

    cpu_vendor: str | None = None
    cpu_family: int | None = None
    cpu_model: int | None = None
    cpu_stepping: int | None = None
    cpu_name: str | None = None
    architecture: str | None = None
    cores_online: int | None = None
    cores_affinity: int | None = None
    cpu_quota_cores: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    virtualisation: str | None = None
    system: str | None = None
    system_name: str | None = None
    kernel: str | None = None
    kernel_release: str | None = None
    clock_source: str | None = None
    cpu_governor: str | None = None
    cpu_boost: bool | None = None
    python_implementation: str | None = None
    python_version: str | None = None
    python_compiler: str | None = None
    python_free_threaded: bool | None = None
    python_gil: bool | None = None
    python_build_options: str | None = None
    harness_commit: str | None = None
    harness_dirty: bool | None = None

    @property
    def usable_cores(self) -> float | None:
        """How many cores' worth of CPU time affinity and quota leave to this process and its children."""
        known = [cores for cores in (self.cores_affinity, self.cores_online, self.cpu_quota_cores) if cores]
        return min(known, default=None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` gave, perhaps in an earlier version; ValueError names an unknown field."""
        unknown = sorted(set(stored) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"a fingerprint has no field {', '.join(unknown)}")
        return cls(**stored)


def differences(first: Fingerprint, second: Fingerprint) -> tuple[str, ...]:
    """The fields that keep two runs from being compared. Something unknown on one side alone is a difference.

    The CPU's name counts only where neither side has the numbers that it stands for.
    """
    numbers_known = first.cpu_family is not None or second.cpu_family is not None
    compared = COMPARED if numbers_known else ("cpu_name", *COMPARED)
    return tuple(name for name in compared if getattr(first, name) != getattr(second, name))


def fingerprint(root: Path = Path("/"), checkout: Path = _CHECKOUT) -> Fingerprint:
    """Of this machine and this Python. ``root`` is where ``proc`` and ``sys`` are looked for."""
    memory_bytes = psutil.virtual_memory().total
    release = platform.release()
    kernel = re.match(r"\d+\.\d+", release)
    commit, dirty = _harness(checkout)
    return Fingerprint(
        **_cpu(root),
        architecture=platform.machine() or None,
        cores_online=psutil.cpu_count(),
        cores_affinity=_affinity(),
        cpu_quota_cores=cgroup.cpu_quota_cores(root),
        memory_bytes=memory_bytes,
        memory_limit_bytes=cgroup.memory_limit_bytes(root, memory_bytes),
        virtualisation=_virtualisation(root),
        system=platform.system() or None,
        system_name=_system_name(),
        kernel=kernel and kernel[0],
        kernel_release=release or None,
        clock_source=_text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
        cpu_governor=_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        cpu_boost=_boost(root),
        **_python(),
        harness_commit=commit,
        harness_dirty=dirty,
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _output(*command: str) -> str | None:
    """What a command says; None where it is not there, fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=_COMMAND_LIMIT_S)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", errors="replace").strip()


def _cpu(root: Path) -> dict[str, Any]:
    """Vendor, family, model, stepping and name, from wherever the platform keeps them."""
    facts = _cpuinfo(root)
    if facts:  # the names on x86, and on ARM the ones that say the same
        return {
            "cpu_vendor": facts.get("vendor_id") or facts.get("CPU implementer"),
            "cpu_family": _number(facts.get("cpu family") or facts.get("CPU architecture")),
            "cpu_model": _number(facts.get("model") or facts.get("CPU part")),
            "cpu_stepping": _number(facts.get("stepping") or facts.get("CPU revision")),
            "cpu_name": facts.get("model name"),
        }
    if sys.platform == "darwin":
        return {"cpu_name": _output("sysctl", "-n", "machdep.cpu.brand_string") or None}
    if sys.platform == "win32":
        return _windows_cpu(platform.processor())
    return {}


def _windows_cpu(processor: str) -> dict[str, Any]:
    """From "Intel64 Family 6 Model 142 Stepping 10, GenuineIntel"."""
    found = re.search(r"Family (\d+) Model (\d+) Stepping (\d+)(?:, *(\w+))?", processor)
    if not found:
        return {"cpu_name": processor or None}
    family, model, stepping, vendor = found.groups()
    return {
        "cpu_vendor": vendor,
        "cpu_family": int(family),
        "cpu_model": int(model),
        "cpu_stepping": int(stepping),
        "cpu_name": processor,
    }


def _cpuinfo(root: Path) -> dict[str, str]:
    """The first core of /proc/cpuinfo, by name."""
    text = _text(root / "proc/cpuinfo") or ""
    lines = (line.partition(":") for line in text.split("\n\n", maxsplit=1)[0].splitlines())
    return {name.strip(): value.strip() for name, colon, value in lines if colon}


def _number(text: str | None) -> int | None:
    try:
        return int(text or "", 0)
    except ValueError:
        return None


def _affinity() -> int | None:
    if sys.platform in ("darwin", "win32"):
        return None
    return len(os.sched_getaffinity(0))


def _boost(root: Path) -> bool | None:
    """Whether the clock may rise above its nominal rate, as Intel's driver or the generic one says."""
    cpu = root / "sys/devices/system/cpu"
    no_turbo, boost = _text(cpu / "intel_pstate/no_turbo"), _text(cpu / "cpufreq/boost")
    if no_turbo is not None:
        return no_turbo == "0"
    return None if boost is None else boost == "1"


def _virtualisation(root: Path) -> str | None:
    """The hypervisor by its name, "vm" if it gives none, "none" on bare metal; None where nothing says."""
    if sys.platform == "darwin":
        return {"1": "vm", "0": "none"}.get(_output("sysctl", "-n", "kern.hv_vmm_present") or "")
    flags = _cpuinfo(root).get("flags")
    vendor = _text(root / "sys/class/dmi/id/sys_vendor")
    product = _text(root / "sys/class/dmi/id/product_name")
    named = " ".join(name for name in (vendor, product) if name)
    known = re.search(_HYPERVISORS, named)
    guest = "hypervisor" in flags.split() if flags is not None else bool(known) or None
    if guest is None:  # neither an x86 nor a board that we know: nobody says
        return None
    return (named or _text(root / "sys/hypervisor/type") or "vm") if guest else "none"


def _system_name() -> str | None:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return f"{platform.system()} {platform.version()}" if sys.platform == "win32" else None


def _python() -> dict[str, Any]:
    gil_enabled = getattr(sys, "_is_gil_enabled", None)  # from 3.13 on; before, there is always one
    return {
        "python_implementation": platform.python_implementation(),
        "python_version": platform.python_version(),
        "python_compiler": platform.python_compiler().strip(),
        "python_free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "python_gil": gil_enabled() if gil_enabled is not None else True,
        "python_build_options": _build_options(
            sysconfig.get_config_var("CONFIG_ARGS"),
            sysconfig.get_config_var("PY_CFLAGS"),
            debug=bool(sysconfig.get_config_var("Py_DEBUG")),
        ),
    }


def _build_options(configured: str | None, compiler_flags: str | None, *, debug: bool) -> str | None:
    """What of a build changes its speed, such as "-O3 lto pgo"; picked out, because the rest holds paths."""
    if configured is None:
        return None
    options = {
        "pgo": r"--enable-optimizations\b",
        "lto": r"--with-lto\b(?!=no)",
        "bolt": r"--enable-bolt\b",
        "jit": r"--enable-experimental-jit\b(?!=no)",
        "tail-calls": r"--with-tail-call-interp\b(?!=no)",
    }
    chosen = [name for name, pattern in options.items() if re.search(pattern, configured)]
    levels = re.findall(r"-O\w+", compiler_flags or "")  # the last one counts
    return " ".join([*levels[-1:], *sorted(chosen), *(["debug"] if debug else [])])


def _harness(checkout: Path) -> tuple[str | None, bool | None]:
    """The commit of the harness's checkout, and whether its code differs; None where it is not one."""
    if not (checkout / ".git").exists():  # installed: a repository around it would be somebody else's
        return None, None
    status = _output(
        *("git", "--no-optional-locks", "-C", str(checkout), "status", "--porcelain=v2", "--branch"),
        *("--", "bench", "scenarios", "pyproject.toml", "uv.lock"),
    )
    commit = re.search(r"^# branch\.oid ([0-9a-f]{40,})$", status or "", re.MULTILINE)
    if status is None or commit is None:
        return None, None
    return commit[1], any(not line.startswith("#") for line in status.splitlines())
