"""Loads that cannot be: one sentence by the real command, before a broker or a worker is started."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("run latency --set rate_per_s=0", "rate_per_s must be more than 0 messages a second, got 0.0"),
        ("soak --rate 0 --for 10s", "rate_per_s must be more than 0 messages a second, got 0.0"),
        ("sweep rate_per_s=0,100", "rate_per_s must be more than 0 messages a second, got 0.0"),
        ("run latency --set rate_per_s=1e12", "1,000,000,000,000 messages would be due in one turn"),
        (
            "run latency --set rate_per_s=1e6 --set measure_s=60 --slices 1",
            "60,000,000 messages would be due in one turn, and 10,000,000 are the most: give more --slices",
        ),
        ("run ramp --set schedule=500:5s++500:1s", "step 2 of the schedule '500:5s++500:1s' is a hole"),
        ("run ramp --set schedule=500:5s+0:1s", "step 2 of the schedule is a hole (0:1s)"),
        ("run ramp --set schedule=500-0:5s", "step 1 of the schedule is a hole (500-0:5s)"),
        ("capacity --p99 9ms --set fan_out=true", "a capacity is of messages that one consumer gets"),
        ("capacity --p99 0ms", "--p99 takes a latency such as 20ms or 500us, got '0ms'"),
        (
            "run latency --set max_outstanding=3",
            "max_outstanding must be at least producers x in_flight (50), got 3",
        ),
        ("run headline --set max_outstanding=0", "max_outstanding must be at least 1, got 0"),
        ("run headline --set partitions=3", "memory cannot divide a queue into partitions (partitions=3)"),
        ("run quorum", "memory cannot declare queues of a type (queue_type=quorum)"),
    ],
)
def test_a_load_that_cannot_be_is_refused_in_one_sentence(
    command: Command, tmp_path: Path, words: str, sentence: str
) -> None:
    found = command(*words.split(), "--client", "memory")
    assert (found.returncode, found.stdout) == (2, "")
    (said,) = found.stderr.splitlines()
    assert said.startswith("mqbench: ")
    assert sentence in said
    assert list(tmp_path.iterdir()) == []
