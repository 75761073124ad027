"""Environments of their own: built once, whole or not at all, proven, kept apart and pruned; no network."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from wheels import checkout, wheel

from bench import environments
from bench.catalogue import ClientEntry, find_client
from bench.client import Abilities
from bench.engine.local import LocalEngine
from bench.environments import Environment, Wanted, cache, uv
from bench.environments.measured import MEASURED
from bench.errors import UnknownNameError, UsageError

HERE = environments.our_python()
ADAPTER = """
import json, os, sys
from importlib.util import find_spec
import tinyclient
from bench.client import Abilities
from bench.clients.memory import CLIENT as MEMORY

class Tiny(type(MEMORY)):
    abilities = Abilities(distribution="tinyclient", protocol="memory")

with open(os.environ["SEEN"], "w") as file:
    json.dump({"modules": sorted(sys.modules), "session": find_spec("bench.session") is not None}, file)
CLIENT = Tiny()
"""


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where uv finds packages instead of on an index; and a cache of our own."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return folder


@pytest.fixture
def adapter(tmp_path: Path) -> str:
    path = tmp_path / "tiny.py"
    path.write_text("import tinyclient\nCLIENT = tinyclient\n")
    return str(path)


def wanted(adapter: str, client: str, **changes: Any) -> Wanted:
    entry = ClientEntry(
        name="tinyclient",
        adapter=adapter,
        abilities=Abilities(distribution="tinyclient", protocol="memory"),
        summary="",
    )
    words: dict[str, Any] = {"client": client, "entry": entry, "loop": "asyncio", "python": HERE}
    return Wanted(**{**words, **changes})


async def made(one: Wanted, say: Callable[[str], None] = lambda _: None) -> Environment:
    async with environments.prepared([one], say=say) as ready:
        return ready[one]


def kept() -> list[str]:
    """All that is in the folder of environments."""
    root = cache.environments()
    return sorted(path.name for path in root.iterdir()) if root.is_dir() else []


def imported(environment: Environment, code: str) -> str:
    return subprocess.run(
        [environment.python, "-c", f"import tinyclient; print({code})"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.mark.parametrize(
    ("client", "here"),
    [
        ("aioamqp", True),
        ("aioamqp>=0.15", True),
        ("aioamqp==0.1", False),
        ("aioamqp @ file:///anywhere", False),
        ("memory", True),
    ],
)
def test_what_is_installed_here_runs_here(client: str, here: bool) -> None:
    one = Wanted(client=client, entry=find_client(client), loop="asyncio", python=HERE)
    assert one.is_here is here


async def test_two_versions_that_are_not_installed_stand_side_by_side(index: Path, adapter: str) -> None:
    for version in ("1.0", "2.0"):
        wheel(index, "tinyclient", version, "", requires="needed")
        wheel(index, "needed", version)
    both = [wanted(adapter, f"tinyclient=={version}") for version in ("1.0", "2.0")]
    async with environments.prepared(both, say=lambda _: None) as ready:
        one, two = (ready[each] for each in both)
    assert (one.client_version, two.client_version) == ("1.0", "2.0")
    assert one.requires == "needed==2.0"
    assert one.python != two.python != sys.executable
    assert (one.python_version, one.loop, one.loop_version) == (HERE.version, "asyncio", HERE.version)


async def test_an_environment_is_built_once_and_used_again(index: Path, adapter: str) -> None:
    wheel(index, "tinyclient", "1.0")
    said: list[str] = []
    first = await made(wanted(adapter, "tinyclient==1.0"), said.append)
    assert [line.split(":")[1].split()[0] for line in said] == ["building", "built"]
    record = Path(first.python).parent.parent / cache.RECORD
    os.utime(record, (1, 1))
    wheel(index, "tinyclient", "1.0").unlink()
    assert await made(wanted(adapter, "tinyclient==1.0"), said.append) == first
    assert len(said) == 2
    assert record.stat().st_mtime > time.time() - 100


async def test_twins_are_built_each_for_itself(index: Path, adapter: str) -> None:
    wheel(index, "tinyclient", "1.0")
    one, other = [await made(wanted(adapter, "tinyclient", twin=twin)) for twin in (1, 2)]
    assert one.python != other.python
    assert one.client_version == other.client_version == "1.0"


async def test_two_runs_do_not_build_the_same_one_twice(tmp_path: Path, adapter: str) -> None:
    one = wanted(adapter, f"tinyclient @ {checkout(tmp_path / 'source', delay_s=0.3).as_uri()}")
    said: list[str] = []
    first, second = await asyncio.gather(made(one, said.append), made(one, said.append))
    assert first == second
    assert sum("building" in line for line in said) == 1
    assert sum("waiting for another run" in line for line in said) == 1


async def test_an_interrupted_build_leaves_nothing(tmp_path: Path, adapter: str) -> None:
    source = checkout(tmp_path / "source", delay_s=600)
    before = below()  # brokers that other tests share live as long as the session
    task = asyncio.create_task(made(wanted(adapter, f"tinyclient @ {source.as_uri()}")))
    await until(lambda: any(str(tmp_path) in " ".join(process.cmdline()) for process in below() - before))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kept() == []
    await until(lambda: not below() - before)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # processes set no event
            await asyncio.sleep(0.05)


def below() -> set[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return {child for child in children if child.status() != psutil.STATUS_ZOMBIE}


async def test_a_build_that_was_killed_is_built_anew(index: Path, adapter: str) -> None:
    wheel(index, "tinyclient", "1.0")
    first = Path((await made(wanted(adapter, "tinyclient==1.0"))).python).parent.parent
    first.rename(first.with_name(first.name + cache.BUILDING))
    await made(wanted(adapter, "tinyclient==1.0"))
    assert kept() == [first.name, f"{first.name}.lock"]


async def test_an_edited_checkout_is_another_environment(tmp_path: Path, adapter: str) -> None:
    source = checkout(tmp_path / "source")
    one = wanted(adapter, f"tinyclient @ {source.as_uri()}")
    before = await made(one)
    (source / "tinyclient.py").write_text('VERSION = "1.0"\nEDITED = True\n')
    after = await made(one)
    assert imported(before, "hasattr(tinyclient, 'EDITED')") == "False"
    assert imported(after, "tinyclient.EDITED") == "True"
    assert before.client_version.startswith("1.0+local.")
    assert before.client_version != after.client_version


async def test_the_version_of_a_checkout_has_its_commit_and_whether_it_was_edited(
    tmp_path: Path, adapter: str
) -> None:
    source = checkout(tmp_path / "source")
    commit = committed(source)
    one = wanted(adapter, f"tinyclient @ {source.as_uri()}")
    assert (await made(one)).client_version == f"1.0+g{commit[:7]}"
    (source / "new.py").touch()
    assert (await made(one)).client_version == f"1.0+g{commit[:7]}.dirty"


async def test_a_build_leaves_nothing_in_the_checkout(tmp_path: Path, adapter: str) -> None:
    source = checkout(tmp_path / "source")
    before = sorted(path.name for path in source.iterdir())
    await made(wanted(adapter, f"tinyclient @ {source.as_uri()}"))
    assert sorted(path.name for path in source.iterdir()) == before


async def test_a_branch_that_has_moved_is_another_environment(tmp_path: Path, adapter: str) -> None:
    source = checkout(tmp_path / "source")
    first = committed(source)
    one = wanted(adapter, f"tinyclient @ git+{source.as_uri()}")
    assert (await made(one)).client_version == f"1.0+g{first[:7]}"
    (source / "tinyclient.py").write_text('VERSION = "1.0"\nEDITED = True\n')
    second = committed(source)
    assert (await made(one)).client_version == f"1.0+g{second[:7]}"
    pinned = wanted(adapter, f"tinyclient @ git+{source.as_uri()}@{first}")
    assert (await made(pinned)).client_version == f"1.0+g{first[:7]}"


async def test_the_version_of_a_checkout_that_is_installed_in_place_has_its_commit(
    tmp_path: Path, adapter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = checkout(tmp_path / "source")
    commit = committed(source)
    about = tmp_path / "site" / "tinyclient-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tinyclient\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(about.parent)
    told = {"url": source.as_uri(), "dir_info": {"editable": True}}
    (about / "direct_url.json").write_text(json.dumps(told))
    found = await made(wanted(adapter, "tinyclient"))
    assert (found.python, found.client_version) == (sys.executable, f"1.0+g{commit[:7]}")
    told = {"url": "https://example.org/x", "vcs_info": {"vcs": "git", "commit_id": "0123456789"}}
    (about / "direct_url.json").write_text(json.dumps(told))
    assert (await made(wanted(adapter, "tinyclient"))).client_version == "1.0+g0123456"


def committed(folder: Path) -> str:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "A commit")):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    told = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    )
    return told.stdout.strip()


async def test_an_isolated_worker_has_the_measured_half_of_ours_and_nothing_else(
    index: Path, tmp_path: Path
) -> None:
    wheel(index, "tinyclient", "1.0")
    path, seen = tmp_path / "tiny_adapter.py", tmp_path / "seen.json"
    path.write_text(ADAPTER)
    one = wanted(str(path), "tinyclient==1.0")
    variables = {"SEEN": str(seen)}
    os.environ.update(variables)
    try:
        environment = await made(one)
    finally:
        del os.environ["SEEN"]
    seen.unlink()
    order = {
        "do": "connect",
        "adapter": str(path),
        "loop": environment.loop,
        "url": "memory://",
        "queues": ["queue"],
        "scenario": {},
        "limit_s": 5,
    }
    variables["PYTHONPATH"] = environment.bench_path
    async with LocalEngine().worker(environment.python, variables) as worker:
        assert (await worker.ask(order, 20))["loop"].startswith("asyncio.")
        await worker.ask({"do": "close"}, 20)
    told = json.loads(seen.read_text())
    ours = {name.split(".")[1] for name in told["modules"] if name.startswith("bench.")}
    assert ours <= MEASURED | {"clients"}
    assert told["session"] is False
    foreign = {name.split(".")[0] for name in told["modules"]} - set(sys.stdlib_module_names)
    assert foreign - {"__main__", "_virtualenv"} == {"bench", "tinyclient", "adapter_under_test"}


async def test_a_loop_by_name_is_the_version_that_is_installed_here() -> None:
    one = wanted("memory", "tinyclient==1.0", loop="uvloop")
    assert str(one.loop_requirement) == f"uvloop=={environments.installed_version('uvloop')}"
    assert str(wanted("memory", "tinyclient", loop="uvloop==0.21.0").loop_requirement) == "uvloop==0.21.0"


async def test_a_pinned_loop_gets_an_environment_with_its_version(index: Path, adapter: str) -> None:
    wheel(index, "tinyclient", "1.0")
    wheel(index, "uvloop", "0.1", "import asyncio\nnew_event_loop = asyncio.new_event_loop\n")
    found = await made(wanted(adapter, "tinyclient==1.0", loop="uvloop==0.1"))
    assert (found.loop, found.loop_version, found.requires) == ("uvloop", "0.1", "")


@pytest.mark.parametrize(
    ("loop", "error", "message"),
    [
        ("uvlop==1", UnknownNameError, "no loop 'uvlop'; did you mean 'uvloop'"),
        ("asyncio==3.4", UsageError, "asyncio comes with Python .* choose one with --python VERSION"),
        ("uvloop=1", UsageError, "'uvloop=1' is not a requirement such as uvloop==0.21.0"),
    ],
)
def test_a_loop_that_makes_no_sense_is_a_sentence(loop: str, error: type[UsageError], message: str) -> None:
    with pytest.raises(error, match=message):
        environments.find_loop(loop)


@pytest.mark.parametrize(
    ("client", "message"),
    [
        ("tinyclient==9", r"there can be no environment for tinyclient==9: there is no version of"),
        ("tinyclient==1.0", r"tinyclient==1.0 fails to import on Python .*: RuntimeError: far too old"),
        ("tinyclient @ file:///nowhere/at/all", "there is no checkout /nowhere/at/all"),
        ("tinyclient @ https://me:secret@example.org/x.zip", "has credentials in its URL"),
        ("tinyclient @ https://example.org/x.zip", "none is cached, and uv cannot get one without a network"),
        ("tinyclient @ git+file:///nowhere/at/all", "git cannot say what HEAD of file:///nowhere/at/all is"),
    ],
)
async def test_what_cannot_be_had_is_a_sentence_and_leaves_nothing(
    index: Path, adapter: str, client: str, message: str
) -> None:
    wheel(index, "tinyclient", "1.0", "raise RuntimeError('far too old')")
    with pytest.raises(UsageError, match=message) as caught:
        await made(wanted(adapter, client))
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert kept() == []


async def test_without_uv_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, adapter: str) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setattr(uv, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"needs an environment of its own, and uv.*: pip install uv"):
        await made(wanted(adapter, "tinyclient==1.0"))
    assert kept() == []


async def test_pruning_spares_what_a_run_is_using(index: Path, adapter: str) -> None:
    wheel(index, "tinyclient", "1.0")
    one = wanted(adapter, "tinyclient==1.0")
    async with environments.prepared([one], say=lambda _: None) as ready:
        pruned = environments.prune(0)
        assert [built.asked for built in pruned.in_use] == [("tinyclient==1.0",)]
        assert Path(ready[one].python).exists()
    assert [built.name for built in environments.prune(0).removed] == ["tinyclient==1.0"]
    assert kept() == []


async def test_pruning_removes_what_was_not_used_for_that_long(index: Path, adapter: str) -> None:
    for version in ("1.0", "2.0"):
        wheel(index, "tinyclient", version)
        found = await made(wanted(adapter, f"tinyclient=={version}"))
        record = Path(found.python).parent.parent / cache.RECORD
    a_week_ago = time.time() - 7 * cache.DAY_S
    os.utime(record, (a_week_ago, a_week_ago))
    assert [built.name for built in environments.prune(6).removed] == ["tinyclient==2.0"]
    assert [built.client_version for built in environments.listed()] == ["1.0"]


def test_an_older_python_than_workers_need_is_a_sentence(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text("""#!/bin/sh\necho '["3.9.1", "3.9.1", null, "/python", "cpython"]'\n""")
    fake.chmod(0o755)
    with pytest.raises(UsageError, match=r"is Python 3\.9\.1; workers need 3\.11 or newer"):
        environments.find_python(str(fake))


@pytest.mark.parametrize(
    ("asked", "message"), [("/nowhere/python", "there is no such file"), ("1.4", "uv python install 1.4")]
)
def test_a_python_that_is_not_there_is_a_sentence(asked: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        environments.find_python(asked)


def test_this_python_by_its_path_is_ours() -> None:
    assert environments.find_python(sys.executable) == HERE


OLD_UV = """\
  \u00d7 No solution found when resolving dependencies:
  ╰─▶ Because there is no version of aio-pika==99 and you require
      aio-pika==99, we can conclude that your requirements are
      unsatisfiable.
"""
FAILED_BUILD = """\
error: Failed to build `bad @ file:///bad`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)

         [stderr]
         boom

hint: Build failures usually indicate a problem with the package or the build environment
"""
NO_ROUTE = """\
error: Failed to fetch: http://localhost/
  cause: error sending request for url (http://localhost/)
  cause: Connection refused (os error 111)
"""


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (OLD_UV, "there is no version of aio-pika==99"),
        (FAILED_BUILD, "Failed to build `bad @ file:///bad`: boom"),
        (NO_ROUTE, "Failed to fetch: http://localhost/: Connection refused (os error 111)"),
        ("", "uv gives no reason"),
    ],
)
def test_the_reason_of_uv_is_one_short_sentence(said: str, reason: str) -> None:
    assert uv.said_briefly(said) == reason
