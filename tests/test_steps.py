"""The steps of a schedule are told apart, though one row mixes their rates."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import Schedule
from bench.arrivals import due_ns
from bench.driver.sample import Offered
from bench.driver.steps import Stepped, by_step
from bench.histogram import Histogram
from bench.trial.schedule import step_rows

SCHEDULE = Schedule.parse("100:1s+100-300:1s+50:2s")
MS = 1_000_000


def stepped(late_ns: Callable[[int], int]) -> tuple[Stepped, ...]:
    """The steps of a turn whose messages came so late after they were due, in an order of their own."""
    due = list(reversed(due_ns(SCHEDULE, "constant", SCHEDULE.messages, 1)))
    return by_step(SCHEDULE, due, [at + late_ns(at) for at in due])


def test_each_message_belongs_to_the_step_in_which_it_was_due() -> None:
    steps = stepped(lambda _: 500 * MS)
    assert [step.messages for step in steps] == [100, 200, 100]
    rates = [step.messages / step.scheduled_s for step in steps]
    assert rates == pytest.approx([100, 200, 50], rel=0.02)
    assert [step.messages / step.elapsed_s for step in steps] == pytest.approx(rates, rel=1e-9)
    assert all(step.latency.percentile(50) == pytest.approx(500_000, rel=1e-3) for step in steps)


def test_a_step_that_is_not_kept_is_told_from_those_that_are() -> None:
    """In the second every message is as late again as it is after the beginning of the step."""
    steps = stepped(lambda at: at - 1000 * MS if 1000 * MS < at <= 2000 * MS else MS)
    offered = Offered(scheduled_s=4.0, overruns=0, slip=Histogram(), uncorrected=Histogram(), steps=steps)
    assert Offered.from_json(offered.to_json()) == offered
    rows = step_rows(SCHEDULE, [offered, offered])
    assert [row["kept"] for row in rows] == [True, False, True]
    assert [row["rates"] for row in rows] == ["100:1s", "100-300:1s", "50:2s"]
    assert [row["messages"] for row in rows] == [200, 400, 200]
    assert rows[1]["rate_per_s"] == pytest.approx(100, rel=0.01)
    assert rows[1]["latency_max_us"] == pytest.approx(1_000_000, rel=0.01)
    assert rows[2]["latency_max_us"] < 1100


def test_a_step_with_hardly_a_message_has_no_rate() -> None:
    one, none = by_step(Schedule.parse("1:1s+1:1s"), [10], [20])
    assert (one.messages, one.scheduled_s, one.elapsed_s) == (1, 0.0, 0.0)
    offered = Offered(
        scheduled_s=1.0, overruns=0, slip=Histogram(), uncorrected=Histogram(), steps=(one, none)
    )
    rows = step_rows(Schedule.parse("1:1s+1:1s"), [offered])
    assert [(row["target_rate_per_s"], row["rate_per_s"], row["kept"]) for row in rows] == [(None,) * 3] * 2
    assert rows[1]["latency_max_us"] is None


def test_a_run_tells_the_steps_of_its_schedule(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    words = "run ramp --client memory --loop asyncio --rounds 1 --no-report --output r --set measure_s=2"
    done = command(*words.split(), "--set", "schedule=200:500ms+200-600:500ms,300:1s")
    assert done.returncode == 0
    with (tmp_path / "r" / "steps.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["case"], row["step"], row["rates"]) for row in rows] == [
        ("1", "1", "200:0.5s"),
        ("1", "2", "200-600:0.5s"),
    ]
    assert [int(row["messages"]) for row in rows] == [200, 400]
    shown = command("show", "r").stdout
    assert "due msg/s" in shown
    assert "200-600:0.5s" in shown
