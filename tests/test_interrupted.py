"""The command while it is loaded and when it is over: a signal ends it in one sentence, whenever it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
LOADING = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.{how})
sys.meta_path.insert(0, Finder())
import runpy
sys.argv = ["mqbench", "list", "loops"]
runpy.run_module("bench", run_name="__main__")
"""
ENDING = """
import os, signal, sys
sys.argv = ["mqbench", "list", "loops"]
import bench.__main__
class Late:
    def __del__(self):
        os.kill(os.getpid(), signal.{how})
sys.modules["late"] = Late()
bench.__main__.main()
"""


def ended(program: str, *, ignoring: signal.Signals | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        preexec_fn=(lambda: signal.signal(ignoring, signal.SIG_IGN)) if ignoring else None,
    )


@pytest.mark.parametrize("how", SIGNALS)
@pytest.mark.parametrize("name", ["click", "bench.errors", "bench.cli.values"])
def test_a_signal_while_the_command_is_loaded_ends_it_in_one_sentence(name: str, how: signal.Signals) -> None:
    done = ended(LOADING.format(name=name, how=how.name))
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "mqbench: interrupted; nothing was measured\n"


@pytest.mark.parametrize("how", SIGNALS)
def test_a_signal_that_comes_when_the_interpreter_is_torn_down_changes_nothing(how: signal.Signals) -> None:
    done = ended(ENDING.format(how=how.name))
    assert (done.returncode, done.stderr) == (0, "")
    assert "uvloop" in done.stdout


def test_a_signal_that_is_ignored_where_it_was_started_stays_so() -> None:
    done = ended(LOADING.format(name="click", how="SIGHUP"), ignoring=signal.SIGHUP)
    assert (done.returncode, done.stderr) == (0, "")
    assert "uvloop" in done.stdout
