"""Run folders made up for tests of what is said about them: real files, invented figures."""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bench import results
from bench.histogram import Histogram
from bench.hlog import write_header, write_interval
from bench.scenario import Scenario
from bench.schema import SCHEMA_VERSION, SLICE_COLUMNS, STEP_COLUMNS, TRIAL_COLUMNS, scenario_columns

FACTS: dict[str, Any] = {
    "mqbench_version": "0.1.0",
    "command": ["mqbench", "run", "--output", "results/RUN"],
    "started_at": "2026-01-02T03:04:05Z",
    "seed": 7,
    "rounds": 3,
    "fingerprint": {"cpu_name": "Test CPU", "cores_online": 2, "python_version": "3.11.7"},
    "brokers": {"amqp": {"kind": "rabbitmq", "origin": "native", "version": "4", "url": "amqp://…@h:1/"}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A case of a made-up run; ``changes`` are columns of its trials."""

    client: str = "aio-pika"
    version: str = "10.2.1"
    loop: str = "asyncio"
    scenario: str = "headline"
    point: str = ""
    rate_per_s: float = 1000.0
    fields: Mapping[str, Any] | None = None
    changes: Mapping[str, Any] | None = None
    has_latency: bool = True


def run_folder(
    folder: Path, cases: Iterable[Made], *, rounds: int = 3, slices: int = 5, **facts: Any
) -> Path:
    """A finished run of these cases, numbered from 1 in blocks of at most six that share the first."""
    folder.mkdir()
    whole = {**FACTS, "schema_version": SCHEMA_VERSION, "rounds": rounds, "finished": True, **facts}
    (folder / results.RUN).write_text(json.dumps(whole), encoding="utf-8")
    draw = random.Random(1)
    with ExitStack() as stack:
        log, *files = (
            stack.enter_context((folder / name).open("x", encoding="utf-8", newline=""))
            for name in (results.LATENCIES, results.TRIALS, results.SLICES)
        )
        write_header(log, 1e9)
        trials, turns = (
            csv.DictWriter(file, [column.name for column in columns])
            for file, columns in zip(files, (TRIAL_COLUMNS, SLICE_COLUMNS), strict=True)
        )
        trials.writeheader()
        turns.writeheader()
        numbered = list(enumerate(cases, start=1))
        for round_ in range(1, rounds + 1):
            for block, own in enumerate(blocks(numbered), start=1):
                for number, case in own:
                    write_trial(Files(trials, turns, log), draw, case, (number, round_, block), slices)
    return folder


def write_steps(folder: Path, numbers: Iterable[int], *, rounds: int = 3) -> list[dict[str, Any]]:
    """Gives these cases a schedule of three steps, of which the last is not kept; the rows of steps.csv."""
    asked = (("100:1s", 100.0, 100.0), ("100-300:1s", 200.0, 199.5), ("300:1s", 300.0, 250.0))
    rows = [
        {
            "case": number, "round": round_, "block": 1, "step": step, "rates": rates, "messages": 100,
            "target_rate_per_s": due, "rate_per_s": came + number / 10, "kept": came > 0.99 * due,
            "latency_p50_us": 100 * step, "latency_p99_us": 1000 * step + number,
            "latency_max_us": 2000 * step,
        }
        for round_ in range(1, rounds + 1)
        for number in numbers
        for step, (rates, due, came) in enumerate(asked, start=1)
    ]  # fmt: skip
    with (folder / results.STEPS).open("x", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, [column.name for column in STEP_COLUMNS])
        table.writeheader()
        table.writerows(rows)
    return rows


class Files(NamedTuple):
    trials: Any
    slices: Any
    log: Any


def blocks(numbered: list[tuple[int, Made]]) -> Iterable[list[tuple[int, Made]]]:
    first, *others = numbered
    for start in range(0, max(1, len(others)), 5):
        yield [first, *others[start : start + 5]]


def write_trial(
    files: Files, draw: random.Random, case: Made, key: tuple[int, int, int], slices: int
) -> None:
    number, round_, block = key
    skipped = (case.changes or {}).get("status") == "skipped"
    if skipped and (round_, block) != (1, 1):
        return
    rates = [case.rate_per_s * math.exp(draw.gauss(0, 0.02)) for _ in range(slices)]
    rate = sum(rates) / len(rates)
    row = dict.fromkeys((column.name for column in TRIAL_COLUMNS), None) | {
        **scenario_columns(Scenario(**(case.fields or {}))),
        "case": number, "round": round_, "block": block, "status": "valid", "reason": "",
        "scenario": case.scenario, "point": case.point, "client": case.client,
        "client_version": case.version, "loop": case.loop, "protocol": "amqp", "broker_kind": "rabbitmq",
        "broker_origin": "native", "broker_version": "4", "load_model": "closed", "slices": slices,
        "slice_messages": 100, "sent": 100 * slices, "confirmed": 100 * slices, "received": 100 * slices,
        "lost": 0, "duplicated": 0, "reordered": 0, "corrupted": 0, "negative_latencies": 0,
        "stamped": True, "rate_per_s": rate, "bottleneck": "client",
        "client_cpu_us_per_message": 150.0, "client_cpu_user_us_per_message": 100.0,
        "client_cpu_system_us_per_message": 50.0, "broker_cpu_us_per_message": 80.0,
        "latency_p50_us": 5e6 / rate if case.has_latency else None,
        **(case.changes or {}),
    }  # fmt: skip
    files.trials.writerow(row)
    if skipped:
        return
    for index, one in enumerate(rates):
        sample = dict.fromkeys((column.name for column in SLICE_COLUMNS), 0) | {
            "case": number, "round": round_, "block": block, "slice": index, "turn": index,
            "messages": 100, "received": 100, "elapsed_s": 100 / one, "rate_per_s": one,
            "latency_p50_us": 5e6 / one if case.has_latency else None, "latency_p99_us": None,
        }  # fmt: skip
        files.slices.writerow(sample)
    if case.has_latency:
        histogram = Histogram()
        histogram.add_all(int(draw.lognormvariate(math.log(5e9 / rate), 0.5)) for _ in range(1500))
        tag = f"case={number};round={round_};block={block};metric=latency"
        write_interval(files.log, tag, round_, round_ + 1, histogram)
