"""Stands between the harness and a broker's processes, so that they never outlive it.

Runs as a process of its own, by path and on the standard library alone: it holds a pipe from the harness, and
when that closes, for whatever reason (the block was left, an exception, SIGKILL), it ends the processes and
all that they started, runs the closing commands, and removes the folder. If it is itself killed, the kernel
kills the processes (Linux).

What it is to do comes as one line of JSON on its standard input::

    {"folder": path, "files": {name: text}, "commands": [{"argv": [...], "env": {...}}], "grace_s": seconds,
     "closing": [{"argv": [...], "env": {...}}]}

The last command is the broker, those before it are what it needs; the end of any of them ends all. What they
print goes to standard output. Its own reports go to standard error, a line of JSON each: ``{"pids": [...]}``
once all run, ``{"ended": sentence, "code": exit code}`` when one ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
REAP_LIMIT_S = 5.0
CLOSING_LIMIT_S = 60.0

Process = subprocess.Popen[bytes]


def main() -> None:
    events: queue.SimpleQueue[tuple[str, int] | None] = queue.SimpleQueue()
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: events.put(None))
    line = sys.stdin.buffer.readline()
    if line:
        supervise(json.loads(line), events)


def supervise(task: dict[str, Any], events: queue.SimpleQueue[tuple[str, int] | None]) -> None:
    """Until the harness goes, a command ends, or a signal asks."""
    folder = Path(task["folder"])
    processes: list[Process] = []
    _adopt_orphans()
    try:
        folder.mkdir(mode=0o700)
        for name, text in task["files"].items():
            (folder / name).write_text(text, encoding="utf-8")
        for command in task["commands"]:
            processes.append(_start(command, folder))  # noqa: PERF401  # those before a failure must be ended
        report(pids=[process.pid for process in processes])
        _watch(processes, events)
        if (ended := events.get()) is not None:
            report(ended=ended[0], code=ended[1])
    except OSError as error:
        report(ended=f"{error.filename or 'a file'}: {error.strerror}", code=127)
    finally:
        _end(processes, task["grace_s"])
        _kill_descendants()
        for command in task["closing"]:
            _close(command)
        _kill_descendants()
        shutil.rmtree(folder, ignore_errors=True)


def report(**facts: Any) -> None:
    with contextlib.suppress(OSError):  # nobody may be left to read it
        os.write(2, json.dumps(facts).encode() + b"\n")


def _adopt_orphans() -> None:
    """What our processes leave behind becomes our child, and not init's, so that it can be found."""
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _start(command: dict[str, Any], folder: Path) -> Process:
    posix: dict[str, Any] = {} if os.name == "nt" else {"process_group": 0}
    if LINUX:
        prctl = ctypes.CDLL(None).prctl
        posix["preexec_fn"] = lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # A broker may take the end of its input for the end of its life: it is open for as long as we are.
    return subprocess.Popen(
        command["argv"],
        env=command["env"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **posix,
    )


def _watch(processes: list[Process], events: queue.SimpleQueue[tuple[str, int] | None]) -> None:
    """Threads, and not select, because pipes and processes of all platforms can be waited for in one."""

    def until_ended(process: Process) -> None:
        code = process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        events.put((f"{Path(str(process.args[0])).name} {how}", code))  # type: ignore[index]  # args is our list

    def until_alone() -> None:
        while os.read(0, 1024):  # not by sys.stdin: its lock would be ours still when the interpreter ends
            pass
        events.put(None)

    for process in processes:
        threading.Thread(target=until_ended, args=(process,), daemon=True).start()
    threading.Thread(target=until_alone, daemon=True).start()


def _end(processes: list[Process], grace_s: float) -> None:
    """Asks the broker first and then what it needed, and kills what has not ended within the grace."""
    deadline = time.monotonic() + grace_s
    for process in reversed(processes):
        with contextlib.suppress(OSError):
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(deadline - time.monotonic(), 0.0))
    for process in processes:
        with contextlib.suppress(OSError):
            if os.name == "nt":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(REAP_LIMIT_S)


def _kill_descendants() -> None:
    """Kills whatever is left below us, daemons and other sessions included, until nothing is (Linux)."""
    deadline = time.monotonic() + REAP_LIMIT_S
    while LINUX and (left := _descendants()) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def _descendants() -> set[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The name is in parentheses and may hold any character; the state and the parent follow it.
                stat = (entry / "stat").read_bytes()
                parents[int(entry.name)] = int(stat.rpartition(b")")[2].split()[1])
    found: set[int] = set()
    fresh = {os.getpid()}
    while fresh := {pid for pid, parent in parents.items() if parent in fresh} - found:
        found |= fresh
    return found


def _close(command: dict[str, Any]) -> None:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            command["argv"],
            env=command["env"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=CLOSING_LIMIT_S,
            check=False,
        )


if __name__ == "__main__":
    main()
