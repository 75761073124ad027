"""Processes under a supervisor: what they say is heard, and whatever happens they are gone afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import psutil
import pytest

from bench.brokers.supervised import Command, Supervised, new_folder, supervised, to_its_end
from bench.errors import BrokerError

from .conftest import below, eventually

posix = pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs prctl and /proc of Linux")
WAIT = "import time; time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {WAIT}"
# A daemon as epmd is one: a grandchild in a session of its own, which nothing but its environment betrays.
DAEMON = (
    "import os, subprocess, sys;"
    f"subprocess.Popen([sys.executable, '-c', {WAIT!r}], start_new_session=True);"
    "print('left', flush=True)"
)


def python(code: str, **env: str) -> Command:
    return Command(argv=[sys.executable, "-c", code], env={**os.environ, **env})


def held(
    room: Path, *codes: str, grace_s: float = 5.0, secret: str = ""
) -> AbstractAsyncContextManager[Supervised]:
    folder = new_folder("test")
    commands = [python(code, MARK=str(room)) for code in codes]
    return supervised("test", *commands, folder=folder, grace_s=grace_s, secret=secret)


async def test_lines_are_heard_and_files_are_there(room: Path) -> None:
    code = f"print(open('greeting').read(), flush=True); {WAIT}"
    async with supervised("test", python(code), files={"greeting": "hello"}) as one:
        assert await one.next_line(10) == "hello"
        assert one.folder.parent == room
        assert one.folder.stat().st_mode & 0o077 == 0
        assert one.last_words() is None
        assert len(one.pids) == 1
    assert not one.folder.exists()


async def test_a_line_that_never_comes_is_given_up(room: Path) -> None:
    async with held(room, WAIT) as one:
        with pytest.raises(BrokerError, match=r"it said nothing within 0.1 s"):
            await one.next_line(0.1)


async def test_a_program_that_is_not_there_is_said(room: Path) -> None:
    with pytest.raises(BrokerError, match="cannot start test: /nowhere/broker: No such file or directory"):
        async with supervised("test", python(WAIT), Command(argv=["/nowhere/broker"], env={})):
            pytest.fail("it started")


async def test_an_end_is_said_with_its_code_and_the_last_line(room: Path) -> None:
    async with held(room, "print('one'); print('two'); raise SystemExit(3)") as one:
        await one.until_over(10)
        assert (one.last_words() or "").endswith("ended with exit code 3; it last said: two")
        assert one.exit_code == 3
        assert one.tail == ["one", "two"]


@posix
async def test_a_kill_is_said_at_once_and_explained_soon(room: Path) -> None:
    async with held(room, f"print('hello', flush=True); {WAIT}") as one:
        await one.next_line(10)
        os.kill(one.pids[0], signal.SIGKILL)
        await eventually(one.last_words)
        await one.until_heard()
        assert "was killed by SIGKILL; it last said: hello" in (one.last_words() or "")


async def test_the_end_of_one_process_ends_the_others(room: Path) -> None:
    async with held(room, WAIT, f"print('ready', flush=True); {WAIT}") as one:
        await one.next_line(10)
        psutil.Process(one.pids[0]).kill()
        await one.until_over(10)
        assert below(room) == []


async def test_a_secret_is_blotted_out_of_what_is_printed(room: Path) -> None:
    async with held(room, "print('password=s3cret')", secret="s3cret") as one:
        await one.until_over(10)
        assert one.tail == ["password=…"]


async def test_a_line_without_end_is_not_kept(room: Path) -> None:
    async with held(room, "print('x' * 3_000_000); print('after')") as one:
        await one.until_over(20)
        assert one.tail[-1] == "after"


@posix
async def test_a_process_that_ignores_the_request_to_end_is_killed(room: Path) -> None:
    async with held(room, DEAF, grace_s=0.2) as one:
        await one.next_line(10)
        start = time.monotonic()
    assert time.monotonic() - start < 5


@linux
async def test_a_daemon_that_left_the_session_is_ended_too(room: Path) -> None:
    async with held(room, f"{DAEMON}; {WAIT}") as one:
        await one.next_line(10)
        assert len(below(room)) == 3  # the supervisor, the process and its daemon
    assert below(room) == []


async def test_an_error_in_the_block_comes_out_as_it_is(room: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with held(room, WAIT):
            raise ZeroDivisionError


@pytest.mark.parametrize("pause_s", [0, 0.01, 0.05, 0.1, 0.2])
async def test_cancelled_at_any_moment_of_its_start_nothing_is_left(room: Path, pause_s: float) -> None:
    async def hold() -> None:
        async with held(room, WAIT) as one:
            await one.until_over(60)

    task = asyncio.create_task(hold())
    await asyncio.sleep(pause_s)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_a_second_cancellation_does_not_cut_the_clean_up_short() -> None:
    done = []

    async def work() -> None:
        await asyncio.sleep(0.2)
        done.append(True)

    task = asyncio.create_task(to_its_end(work()))
    for _ in range(2):
        await asyncio.sleep(0.02)
        task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert done == [True]


@linux
async def test_the_supervisor_being_killed_takes_the_processes_with_it(room: Path) -> None:
    async with held(room, f"print('ready', flush=True); {WAIT}") as one:
        await one.next_line(10)
        parent = psutil.Process(one.pids[0]).parent()
        assert parent is not None
        parent.kill()
        await one.until_over(10)
        assert one.last_words() is not None


async def test_closing_commands_run_after_the_processes_have_ended(room: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    closing = [python(f"open({str(trace)!r}, 'a').write('closed {number};')") for number in (1, 2)]
    async with supervised("test", closing=closing):
        assert not trace.exists()
    assert trace.read_text() == "closed 1;closed 2;"


@pytest.fixture
def orphans(room: Path) -> list[int]:
    """What a harness leaves that is killed while it holds a process and its daemon."""
    script = (
        "import asyncio, os, sys\n"
        "from bench.brokers.supervised import Command, supervised\n"
        "async def main():\n"
        "    command = Command(argv=[sys.executable, '-c', sys.argv[1]], env=dict(os.environ))\n"
        "    async with supervised('test', command) as one:\n"
        "        await one.next_line(10)\n"
        "        print(list(one.pids), flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, f"{DAEMON}; {WAIT}"],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(room)},
    ) as parent:
        assert parent.stdout is not None
        pids: list[int] = json.loads(parent.stdout.readline())
        assert len(list(room.iterdir())) == 1
        parent.kill()
    return pids


@linux
async def test_nothing_survives_a_harness_that_is_killed(room: Path, orphans: list[int]) -> None:
    await eventually(lambda: not below(room) and not list(room.iterdir()))
    assert not any(map(psutil.pid_exists, orphans))
