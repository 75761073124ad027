"""Fingerprints of this machine, and of others that are laid out as files."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import psutil
import pytest

from bench import cgroup, machine
from bench.machine import Fingerprint, differences, fingerprint

CPUINFO = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum
stepping\t: 8
cpu MHz\t\t: 2400.001
flags\t\t: fpu vme {flags}
bogomips\t: 4800.00

processor\t: 1
stepping\t: 9
"""
ARM = """\
processor\t: 0
BogoMIPS\t: 50.00
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd0c
CPU revision\t: 1
"""
MEMORY_BYTES = 8 * 2**30


def laid_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_a_fingerprint_survives_json() -> None:
    here = fingerprint()
    assert Fingerprint.from_json(json.loads(json.dumps(here.to_json()))) == here


def test_a_fingerprint_of_an_older_version_loads_with_unknowns() -> None:
    assert Fingerprint.from_json({"cpu_family": 6}) == Fingerprint(cpu_family=6)


def test_a_field_that_no_fingerprint_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no field cpu_mhz"):
        Fingerprint.from_json({"cpu_mhz": 2400})


def test_the_same_machine_has_no_differences() -> None:
    assert differences(fingerprint(), fingerprint()) == ()


def test_names_of_host_user_and_folders_never_enter_a_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    named = platform.uname()._replace(node="db7.example.org")
    monkeypatch.setattr(platform, "uname", lambda: named)
    stored = json.dumps(fingerprint().to_json())
    assert "db7" not in stored
    assert not [value for value in fingerprint().to_json().values() if str(value).startswith(("/", "C:"))]
    for folder in (Path(machine.__file__).parent.parent, Path.home(), sys.prefix, sys.base_prefix):
        assert str(folder) not in stored


def test_this_process_and_python_are_described() -> None:
    here = fingerprint()
    assert here.python_version == platform.python_version()
    assert here.cores_online == psutil.cpu_count()
    assert here.memory_bytes == psutil.virtual_memory().total
    assert here.kernel is not None
    assert here.kernel_release is not None
    assert here.kernel_release.startswith(here.kernel)
    if sys.platform == "linux":
        assert here.cores_affinity == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("name", [field.name for field in fields(Fingerprint)])
def test_only_what_makes_runs_incomparable_is_a_difference(name: str) -> None:
    first = Fingerprint(cpu_family=6)
    second = Fingerprint.from_json(first.to_json() | {name: 7})
    free = {
        *("cpu_name", "memory_bytes", "memory_limit_bytes", "system_name", "kernel_release", "clock_source"),
        *("cpu_governor", "cpu_boost", "harness_commit", "harness_dirty"),
    }
    assert differences(first, second) == (() if name in free else (name,))


def test_a_name_tells_cpus_apart_where_there_are_no_numbers() -> None:
    assert differences(Fingerprint(cpu_name="Apple M1"), Fingerprint(cpu_name="Apple M3")) == ("cpu_name",)


def test_what_only_one_side_knows_is_a_difference() -> None:
    assert differences(Fingerprint(cpu_family=6, kernel="6.1"), Fingerprint(cpu_family=6)) == ("kernel",)


def test_the_cpu_is_that_of_the_first_core(tmp_path: Path) -> None:
    root = laid_out(tmp_path, {"proc/cpuinfo": CPUINFO.format(flags="")})
    assert machine._cpu(root) == {
        "cpu_vendor": "GenuineIntel",
        "cpu_family": 6,
        "cpu_model": 143,
        "cpu_stepping": 8,
        "cpu_name": "Intel(R) Xeon(R) Platinum",
    }


def test_an_arm_core_has_numbers_too(tmp_path: Path) -> None:
    found = machine._cpu(laid_out(tmp_path, {"proc/cpuinfo": ARM}))
    assert list(found.values()) == ["0x41", 8, 0xD0C, 1, None]


def test_windows_names_hold_the_numbers() -> None:
    found = machine._windows_cpu("Intel64 Family 6 Model 142 Stepping 10, GenuineIntel")
    assert list(found.values())[:4] == ["GenuineIntel", 6, 142, 10]
    assert machine._windows_cpu("") == {"cpu_name": None}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"proc/cpuinfo": ARM}, None),
        ({"proc/cpuinfo": CPUINFO.format(flags="")}, "none"),
        ({"proc/cpuinfo": CPUINFO.format(flags="hypervisor")}, "vm"),
        ({"proc/cpuinfo": CPUINFO.format(flags="hypervisor"), "sys/hypervisor/type": "xen\n"}, "xen"),
        (
            {
                "proc/cpuinfo": CPUINFO.format(flags="hypervisor"),
                "sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
            },
            "Amazon EC2",
        ),
        ({"proc/cpuinfo": ARM, "sys/class/dmi/id/sys_vendor": "QEMU\n"}, "QEMU"),
        ({"proc/cpuinfo": ARM, "sys/class/dmi/id/sys_vendor": "Ampere\n"}, None),
    ],
)
@pytest.mark.skipif(sys.platform == "darwin", reason="asks sysctl there")
def test_the_hypervisor_is_named_where_it_names_itself(
    tmp_path: Path, files: dict[str, str], expected: str | None
) -> None:
    assert machine._virtualisation(laid_out(tmp_path, files)) == expected


VERSION_2 = {"proc/self/cgroup": "0::/jobs/one\n", "sys/fs/cgroup/cgroup.controllers": "cpu memory\n"}
VERSION_1 = {"proc/self/cgroup": "4:memory:/jobs\n3:cpu,cpuacct:/jobs\n0::/\n"}


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, None),
        (VERSION_2 | {"sys/fs/cgroup/jobs/one/cpu.max": "150000 100000\n"}, 1.5),
        (VERSION_2 | {"sys/fs/cgroup/jobs/one/cpu.max": "max 100000\n"}, None),
        # A group around ours may be tighter than ours.
        (
            VERSION_2
            | {
                "sys/fs/cgroup/jobs/one/cpu.max": "200000 100000\n",
                "sys/fs/cgroup/jobs/cpu.max": "50000 100000\n",
            },
            0.5,
        ),
        # In a container the path may be the host's, and the limit is at the mount.
        (VERSION_2 | {"sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4.0),
        (
            VERSION_1
            | {
                "sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            0.5,
        ),
        (
            VERSION_1
            | {
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        # Both versions side by side: version 2 has a place of its own.
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/unified/cpu.max": "100000 100000\n"}, 1.0),
    ],
)
def test_the_tightest_cpu_quota_is_found(tmp_path: Path, files: dict[str, str], cores: float | None) -> None:
    assert cgroup.cpu_quota_cores(laid_out(tmp_path, files)) == cores


@pytest.mark.parametrize(
    ("files", "limit_bytes"),
    [
        ({}, None),
        (VERSION_2 | {"sys/fs/cgroup/jobs/memory.max": "1073741824\n"}, 2**30),
        (VERSION_2 | {"sys/fs/cgroup/jobs/memory.max": "max\n"}, None),
        (VERSION_1 | {"sys/fs/cgroup/memory/jobs/memory.limit_in_bytes": "1048576\n"}, 2**20),
        (VERSION_1 | {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
    ],
)
def test_the_tightest_memory_limit_is_found(
    tmp_path: Path, files: dict[str, str], limit_bytes: int | None
) -> None:
    assert cgroup.memory_limit_bytes(laid_out(tmp_path, files), MEMORY_BYTES) == limit_bytes


@pytest.mark.parametrize(
    ("files", "boost"),
    [({}, None), ({"intel_pstate/no_turbo": "1\n"}, False), ({"cpufreq/boost": "1\n"}, True)],
)
def test_boost_is_read_from_either_driver(tmp_path: Path, files: dict[str, str], boost: bool | None) -> None:
    root = laid_out(tmp_path, {f"sys/devices/system/cpu/{name}": text for name, text in files.items()})
    assert machine._boost(root) == boost


def test_a_machine_without_proc_and_sys_has_a_fingerprint_with_unknowns(tmp_path: Path) -> None:
    bare = fingerprint(root=tmp_path, checkout=tmp_path)
    unknown = (bare.clock_source, bare.cpu_governor, bare.cpu_quota_cores, bare.harness_commit)
    assert unknown == (None, None, None, None)
    assert bare.python_version == platform.python_version()


@pytest.mark.parametrize(
    ("online", "affinity", "quota", "usable"),
    [(8, 4, 1.5, 1.5), (8, 4, None, 4), (8, None, None, 8), (None, None, None, None)],
)
def test_usable_cores_are_what_affinity_and_quota_leave(
    online: int | None, affinity: int | None, quota: float | None, usable: float | None
) -> None:
    here = Fingerprint(cores_online=online, cores_affinity=affinity, cpu_quota_cores=quota)
    assert here.usable_cores == usable


@pytest.mark.parametrize(
    ("configured", "flags", "debug", "expected"),
    [
        (
            "'--prefix=/home/me/py' '--enable-optimizations' '--with-lto=full'",
            "-O2 -Wall -O3",
            False,
            "-O3 lto pgo",
        ),
        ("'--without-lto' '--with-lto=no'", "-O0", True, "-O0 debug"),
        ("", None, False, ""),
        (None, None, False, None),
    ],
)
def test_build_options_are_those_that_change_speed_and_no_paths(
    configured: str | None, flags: str | None, debug: bool, expected: str | None
) -> None:
    assert machine._build_options(configured, flags, debug=debug) == expected


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_checkout_is_known_by_its_commit_and_dirty_once_its_code_changes(tmp_path: Path) -> None:
    checkout = laid_out(tmp_path, {"bench/a.py": "1", "notes.txt": "1"})
    git(checkout, "init", "--quiet")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "First")
    commit = git(checkout, "rev-parse", "HEAD")
    laid_out(checkout, {"notes.txt": "2"})
    assert machine._harness(checkout) == (commit, False)
    laid_out(checkout, {"bench/new.py": "2"})
    assert machine._harness(checkout) == (commit, True)


def test_a_repository_around_an_installed_harness_is_not_its_own(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "First")
    installed = laid_out(tmp_path / "site-packages", {"bench/a.py": "1"})
    assert machine._harness(installed) == (None, None)


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert machine._harness(tmp_path) == (None, None)


def test_a_machine_without_git_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "--quiet")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine._harness(tmp_path) == (None, None)
