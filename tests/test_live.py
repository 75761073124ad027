"""What is seen while a run goes: under a pseudo-terminal, in a pipe, and drawn from recorded events."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import catalogue
from bench.live import REFRESH_PER_S, lines, screen
from bench.live.state import State
from bench.meters import HostNoise
from bench.plan import Case
from bench.runner import Progress
from bench.scenario import Scenario

ROOT = Path(__file__).parent.parent
RUN = (
    *("run", "smoke", "--client", "memory", "--loop", "asyncio", "--loop", "uvloop", "--rounds", "2"),
    *("--set", "warmup_s=0.1", "--output", "run"),
)
SHORT = (
    *("run", "smoke", "--client", "memory", "--loop", "asyncio", "--rounds", "1", "--slices", "3"),
    *("--set", "warmup_s=0.1", "--set", "measure_s=0.3", "--output", "run"),
)
ESCAPE = "\x1b"
COLOUR = re.compile(rf"{ESCAPE}\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d)(?:;\d+)*m")


@dataclass
class Watched:
    """A command that was run under a pseudo-terminal: its exit code, bytes and every screen that was seen."""

    code: int = -1
    raw: str = ""
    took_s: float = 0.0
    screens: list[list[str]] = field(default_factory=list)

    def during(self) -> Iterator[list[str]]:
        """The screens that have the view on them."""
        return (one for one in self.screens if any(" turns" in line for line in one))


def under_a_terminal(folder: Path, *words: str, columns: int, rows: int = 24, **env: str) -> Watched:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    plain = {
        name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}
    }
    terminal = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(terminal)
    watched = Watched()
    began_s = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *words],
        cwd=folder,
        env={**plain, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "PYTHONUTF8": "1", **env},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        while select.select([ours], [], [], 60)[0]:
            try:
                seen = os.read(ours, 1 << 16)
            except OSError:  # the other end is closed: Linux says it so
                break
            if not seen:
                break
            watched.raw += seen.decode(errors="replace")
            stream.feed(seen)
            watched.screens.append([line.rstrip() for line in terminal.display])
        watched.code = process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    watched.took_s = time.monotonic() - began_s
    return watched


@pytest.mark.parametrize("columns", [80, 40])
def test_a_terminal_shows_where_the_run_is_and_what_each_case_does_twice_a_second(
    tmp_path: Path, columns: int, nothing_left: None
) -> None:
    watched = under_a_terminal(tmp_path, *RUN, columns=columns)
    assert watched.code == 0, watched.screens[-1]
    drawn = list(watched.during())
    last = drawn[-1]
    assert any(re.search(r"\d+ of 12 turns, \d+:\d\d left", line) for line in last)
    for loop in ("asyncio", "uvloop"):
        (line,) = [line for line in last if re.match(rf"[> ] {loop} ", line)]
        assert re.search(r"[▁▂▃▄▅▆▇█]+ +[\d,]+/s$", line)
    assert sum(line.startswith("> ") for line in last) <= 1
    assert not any(" turns" in line for line in watched.screens[-1]), "the view is gone at the end"
    assert COLOUR.search(watched.raw)
    frames = watched.raw.count(" of 12 turns")
    said = 6  # what is said above the view draws it once more
    assert 1 <= frames <= REFRESH_PER_S * watched.took_s + said


def test_no_color_leaves_the_view_without_colours(tmp_path: Path) -> None:
    watched = under_a_terminal(tmp_path, *SHORT, columns=80, NO_COLOR="1")
    assert any(watched.during())
    assert not COLOUR.search(watched.raw)


def test_a_terminal_that_can_do_nothing_gets_plain_lines(tmp_path: Path) -> None:
    watched = under_a_terminal(tmp_path, *SHORT, columns=80, TERM="dumb")
    assert watched.code == 0
    assert ESCAPE not in watched.raw
    assert "round 1: measuring" in watched.raw


def test_a_pipe_gets_plain_lines_that_are_not_cut(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = command(*RUN, COLUMNS="40")
    assert done.returncode == 0
    assert ESCAPE not in done.stderr
    assert "\r" not in done.stderr
    assert re.search(r"^round 2: measuring smoke / memory / \w+ [\d,]+/s \(\d+ of 12 turns, 0:\d\d left\)$",
                     done.stderr, re.MULTILINE)  # fmt: skip


def test_quiet_says_nothing_and_verbose_says_every_turn(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    quiet = command(*SHORT, "--quiet", "--format", "json")
    assert quiet.stderr == ""
    assert len(json.loads(quiet.stdout)) == 1
    verbose = command(*SHORT[:-1], "again", "--verbose")
    assert len(re.findall(r"^round 1: measuring .*/s \(", verbose.stderr, re.MULTILINE)) == 3


def test_quiet_still_says_which_rows_are_invalid(
    command: Callable[..., subprocess.CompletedProcess[str]], faulty: Callable[[str], str]
) -> None:
    done = command("run", "smoke", "--client", faulty("loses"), "--loop", "asyncio", "--rounds", "1",
                   "--set", "warmup_s=0.1", "--limit", "1", "--quiet")  # fmt: skip
    assert done.returncode == 1
    assert re.fullmatch(r"mqbench: invalid: smoke / .*lost.*\n", done.stderr)


def test_quiet_calibration_prints_its_table_alone(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = command("calibrate", "--loop", "asyncio", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "messages/s" in done.stdout


def test_quiet_and_verbose_together_are_refused(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = command(*RUN, "--quiet", "--verbose")
    assert done.returncode == 2
    assert "--quiet and --verbose say opposite things" in done.stderr


def test_an_invalid_round_is_a_warning_as_it_comes(
    command: Callable[..., subprocess.CompletedProcess[str]], faulty: Callable[[str], str]
) -> None:
    done = command("run", "smoke", "--client", faulty("loses"), "--loop", "asyncio", "--rounds", "1",
                   "--set", "warmup_s=0.1", "--limit", "1")  # fmt: skip
    assert done.returncode == 1
    assert re.search(r"^! invalid in round 1: smoke / .*lost", done.stderr, re.MULTILINE)


MEMORY = catalogue.find_client("memory")


class Clock:
    """Seconds that pass when the test says so."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def case(number: int, client: str = "memory", loop: str = "asyncio", point: str = "") -> Case:
    return Case(
        number=number,
        scenario_name="headline",
        point=point,
        scenario=Scenario(),
        client=client,
        entry=MEMORY,
        loop=loop,
    )


def turn(one: Case, rate_per_s: float, done: int, total: int = 100) -> Progress:
    return Progress(what="round 1: measuring", case=one, rate_per_s=rate_per_s, done=done, total=total)


def noise(steal_share: float | None, others_cores: float | None) -> HostNoise:
    return HostNoise(
        elapsed_s=1.0,
        cores=2,
        busy_cores=1.0,
        others_cores=others_cores,
        steal_share=steal_share,
        cpu_pressure_share=None,
        context_switches_per_s=None,
    )


def test_the_time_that_is_left_goes_by_the_turns_so_far() -> None:
    clock = Clock()
    state = State(clock)
    state.take(Progress(what="round 1: connecting", case=case(1), total=100))
    clock.now_s = 20.0
    state.take(turn(case(1), 1000, done=25))
    assert state.left_s == pytest.approx(60)


def test_a_second_plan_begins_anew() -> None:
    clock = Clock()
    state = State(clock)
    state.take(turn(case(1), 1000, done=90))
    clock.now_s = 100.0
    state.take(Progress(what="round 1: connecting", case=case(2), done=0, total=40))
    assert list(state.cases) == [2]
    assert state.left_s is None
    clock.now_s = 110.0
    state.take(turn(case(2), 1000, done=20, total=40))
    assert state.left_s == pytest.approx(10)


def test_a_plan_that_grows_is_reckoned_by_the_turns_since() -> None:
    clock = Clock()
    state = State(clock)
    state.take(turn(case(1), 1000, done=40, total=40))
    clock.now_s = 100.0
    state.take(Progress(what="round 2: connecting", case=case(1), done=40, total=80))
    assert state.left_s is None
    clock.now_s = 110.0
    state.take(turn(case(1), 1000, done=50, total=80))
    assert state.left_s == pytest.approx(30)


def test_noise_is_warned_of_once_a_kind_and_a_failure_each_time() -> None:
    state = State(Clock())
    said = [
        state.take(Progress(what=f"round {number}", noise=noise(0.06, 0.5), done=number, total=9))
        for number in (1, 2)
    ]
    assert said == [
        [
            "round 1: the hypervisor took 6% of the time",
            "round 1: other processes used 0.5 cores meanwhile",
        ],
        [],
    ]
    failed = Progress(what="invalid in round 2", case=case(1), failure="3 lost", done=3, total=9)
    assert state.take(failed) == ["invalid in round 2: headline / memory / asyncio: 3 lost"]
    assert state.take(failed) == ["invalid in round 2: headline / memory / asyncio: 3 lost"]
    assert state.take(Progress(what="round 3", noise=noise(None, None), done=4, total=9)) == []


@given(
    names=st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=12, unique=True),
    width=st.integers(20, 200),
    height=st.integers(3, 60),
    rate_per_s=st.floats(0, 1e9),
)
def test_no_name_width_or_height_breaks_the_screen(
    names: list[str], width: int, height: int, rate_per_s: float
) -> None:
    state = State(Clock())
    for number, name in enumerate(names):
        state.take(turn(case(number, client=name), rate_per_s, done=number))
    drawn = screen.lines(state, width, height)
    assert 0 < len(drawn) <= height
    assert all(line.cell_len < width for line in drawn)


@pytest.mark.parametrize(
    ("columns", "fits"),
    [
        (40, "prefetch=16 / memory / asyncio"),
        (26, "prefetch=16 memory asyncio"),
        (18, "pr…16 me…ry as…cio"),
        (5, "p…6 m…y a…o"),
    ],
)
def test_a_name_that_is_too_long_loses_the_middle_of_its_parts(columns: int, fits: str) -> None:
    assert screen.fitted(["prefetch=16", "memory", "asyncio"], columns) == fits


@given(st.lists(st.text(min_size=3, max_size=60), min_size=1, max_size=4), st.integers(15, 100))
def test_a_name_fits_into_what_there_is(parts: list[str], columns: int) -> None:
    assert len(screen.fitted(parts, columns)) <= columns


@given(st.lists(st.floats(0, 1e9), max_size=60), st.integers(1, 40))
def test_a_spark_line_is_as_high_as_its_rates(rates: list[float], columns: int) -> None:
    drawn = screen.spark(rates, columns)
    last = rates[-columns:]
    assert len(drawn) == len(last)
    heights = [screen.BLOCKS.index(block) for block in drawn]
    by_rate = [height for _, height in sorted(zip(last, heights, strict=True))]
    assert by_rate == sorted(by_rate)
    if max(last, default=0) > 0:
        assert max(heights) == len(screen.BLOCKS) - 1


def test_the_case_that_has_its_turn_is_on_the_screen_however_many_there_are() -> None:
    state = State(Clock())
    for number in range(30):
        state.take(turn(case(number, point=f"prefetch={number}"), 1000, done=number))
    state.take(turn(case(17, point="prefetch=17"), 1000, done=31))
    drawn = [line.plain for line in screen.lines(state, 80, 12)]
    assert len(drawn) <= 12
    assert [line.split()[1] for line in drawn if line.startswith("> ")] == ["prefetch=17"]
    assert drawn[-1] == "  and 22 more"


def test_what_all_cases_share_is_not_repeated_for_each() -> None:
    state = State(Clock())
    state.take(turn(case(1, loop="asyncio"), 1000, done=1))
    state.take(turn(case(2, loop="uvloop"), 1000, done=2))
    assert [line.plain.split()[:1] for line in screen.lines(state, 80, 24)[2:]] == [["asyncio"], [">"]]


def test_plain_lines_say_a_change_at_once_and_the_rest_every_ten_seconds() -> None:
    clock, said = Clock(), list[str]()
    _, tell = lines.view(said.append, clock, verbose=False)
    for done in range(40):
        tell(turn(case(1), 1000, done=done))
        clock.now_s += 1
    tell(Progress(what="round 2: connecting", case=case(1), done=40, total=100))
    assert [line.partition(" headline")[0] for line in said] == [
        *["round 1: measuring"] * 4,
        "round 2: connecting",
    ]
