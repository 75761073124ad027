"""Pull beside push, as a user runs it: both are measured where a client has them, and each row says which."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path


def test_each_row_says_how_messages_got_to_consumers(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    words = ("--broker", "embedded", "--client", "aio-pika", "--client", "redis", "--loop", "asyncio")
    ran = command("run", "pull", "--quick", *words, "--no-report", "--output", "run")
    assert ran.returncode == 0, ran.stderr
    with (tmp_path / "run" / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    measured = {(row["client"], row["delivery"]) for row in rows if row["status"] == "valid"}
    assert measured == {("aio-pika", "push"), ("aio-pika", "pull"), ("redis", "pull")}
    assert all(float(row["harness_share"]) > 0 for row in rows if row["status"] == "valid")
    (reason,) = {row["reason"] for row in rows if row["status"] == "skipped"}
    assert reason == "redis cannot have messages pushed to its consumers at at-least-once (delivery=push)"
