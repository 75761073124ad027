"""Instruction mode: real counts by callgrind, twice the same, and right about work that was put in."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

from bench import catalogue, environments, plan, results
from bench.brokers import open_broker
from bench.instructions import both, callgrind
from bench.ledger.injected import Injection
from bench.report import gate as gate_report
from bench.scenario import Scenario

Command = Callable[..., "subprocess.CompletedProcess[str]"]
ADAPTERS = Path(__file__).parent.parent / "bench" / "clients"
COUNTED = ("--meter", "instructions", "--loop", "asyncio")
LIMIT_S = 900.0
"""Under callgrind, on a machine with other things to do."""
pytestmark = pytest.mark.timeout(LIMIT_S)


def with_more_work(adapter: str, folder: Path, sending: str, more: str) -> str:
    """A copy of an adapter that computes a little more when it sends a message."""
    source = (ADAPTERS / f"{adapter}.py").read_text(encoding="utf-8")
    assert source.count(sending) == 1
    path = folder / f"more_{adapter}.py"
    path.write_text(source.replace(sending, more), encoding="utf-8")
    return str(path)


def trials(folder: Path) -> list[dict[str, Any]]:
    return results.read_table(folder / "trials.csv")


def test_a_little_more_python_is_seen_with_its_size_and_its_place(command: Command, tmp_path: Path) -> None:
    """What ``sum(range(600))`` takes is learnt from the memory client, and found again in aio-pika."""
    take = "            ready.append(body)\n"
    more = with_more_work("memory", tmp_path, take, f"            sum(range(600))\n{take}")
    done = command("ab", "memory", more, *COUNTED, "--annotate", "--output", "memory", timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    base, candidate = (row["instructions_per_message"] for row in trials(tmp_path / "memory"))
    added = candidate - base
    assert added > 600  # at least an instruction an addition
    assert "more_memory" in done.stdout
    assert re.search(r"builtin_sum +instructions", done.stdout)
    assert re.search(r"adapter\.Memory\.producer\.<locals>\.publish +bytecodes", done.stdout)
    assert re.search(r"executes \d+\.\d\d % more instructions a message than memory", done.stdout)
    (cell,) = json.loads(command("show", "memory", "--format", "json").stdout)
    assert cell["outcome"] == "more work"
    assert cell["ratio"] == pytest.approx(candidate / base, rel=1e-4)

    more = with_more_work(
        "aio_pika", tmp_path, "lambda body: send(", "lambda body: sum(range(600)) and send("
    )
    same = tmp_path / "same.py"
    same.write_text((ADAPTERS / "aio_pika.py").read_text(encoding="utf-8"), encoding="utf-8")
    words = [word for client in ("aio-pika", str(same), more) for word in ("--client", client)]
    done = command("run", "headline", *words, *COUNTED, "--output", "aio-pika", timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    base, again, candidate = (row["instructions_per_message"] for row in trials(tmp_path / "aio-pika"))
    assert again == pytest.approx(base, rel=0.005)
    assert candidate - base == pytest.approx(added, abs=0.005 * base)
    assert candidate - base > 0.01 * base
    check_that_rows_are_of_counts(tmp_path / "aio-pika")
    assert "msg/s" not in done.stdout
    assert "how much work, not how long" in done.stdout
    shown = json.loads(command("show", "aio-pika", "--format", "json").stdout)
    assert [case["instructions_per_message"] for case in shown] == [base, again, candidate]
    assert command("show", "aio-pika", "--format", "csv").stdout.startswith("case,")


def check_that_rows_are_of_counts(folder: Path) -> None:
    for row in trials(folder):
        assert (row["meter"], row["status"], row["in_flight"]) == ("instructions", "valid", 1)
        assert row["instructions_low_per_message"] <= row["instructions_per_message"]
        assert row["instructions_per_message"] <= row["instructions_high_per_message"]
        assert row["received"] == row["sent"] > 0
        assert {row[name] for name in ("rate_per_s", "latency_p50_us", "client_cpu_us_per_message")} == {None}
    slices = pd.read_csv(folder / "slices.csv")
    assert slices["rate_per_s"].isna().all()
    assert (slices["instructions"] > 0).all()


def test_a_gate_that_counts_passes_equal_sides_and_not_one_that_does_more(
    command: Command, tmp_path: Path
) -> None:
    for name, units in (("base", 0), ("same", 0), ("more", 600)):
        Injection(client="aioamqp", kind="work", units=units).write(tmp_path, name)
    lines = ('base = "base.py"', 'meter = "instructions"', 'broker = "embedded"', 'budget = "60s"')
    (tmp_path / "gate.toml").write_text("\n".join(lines))

    def gate(candidate: str, code: int) -> dict[str, Any]:
        done = command(
            "check", "--config", "gate.toml", "--candidate", f"{candidate}.py", "--output", candidate,
            "--junit", "gate.xml", "--markdown", "gate.md", timeout=LIMIT_S,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        told = json.loads((tmp_path / candidate / "check.json").read_text())
        schema = Path(gate_report.__file__).with_name("check.schema.json")
        jsonschema.validate(told, json.loads(schema.read_text()))
        assert (told["meter"], told["exit_code"], told["control"]["outcome"]) == (
            "instructions",
            code,
            "holds",
        )
        for text in (done.stdout, *((tmp_path / name).read_text() for name in ("gate.xml", "gate.md"))):
            assert "how much work, not how long" in text
        assert len(trials(tmp_path / candidate)) == 3  # nothing was counted twice
        check_that_rows_are_of_counts(tmp_path / candidate)
        return dict(told)

    equal = gate("same", 0)
    assert equal["cells"][0]["ratio"] == pytest.approx(1, abs=0.005)
    assert "more work in one cell, under the margin (instructions, not time)" in equal["sentence"]
    worse = gate("more", 1)
    assert worse["cells"][0]["ratio"] > 1.05
    shown = json.loads(command("show", "more", "--format", "json").stdout)
    assert shown == worse
    assert worse["sentence"] in command("show", "more").stdout
    assert command("report", "more").returncode == 0
    assert "more work per message" in (tmp_path / "more" / "report.html").read_text()


def test_without_valgrind_there_is_a_sentence_with_the_command_that_mends_it(
    command: Command, tmp_path: Path
) -> None:
    for words in (
        ("run", "smoke", "--client", "memory"),
        ("ab", "prefetch=1", "prefetch=2", "--client", "memory"),
    ):
        done = command(*words, *COUNTED, PATH=str(tmp_path))
        assert done.returncode == 2
        assert (
            "needs valgrind, which is not installed; install it with: sudo apt-get install valgrind"
            in done.stderr
        )
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ab", "memory", "memory", "--annotate"), "give --meter instructions too"),
        (("ab", "memory", "memory", *COUNTED, "--until", "2%"), "does not go with --until: leave it out"),
        (
            ("run", "--client", "aio-pika", "--consumer-client", "aiormq", *COUNTED),
            "does not go with --consumer-client: leave it out",
        ),
        (
            ("run", "--client", "memory", *COUNTED, "--set", "rate_per_s=10"),
            "instructions are counted in a closed loop, and this load has a schedule",
        ),
    ],
)
def test_what_does_not_go_with_counting_is_refused(
    command: Command, words: tuple[str, ...], message: str
) -> None:
    done = command(*words)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr


def test_a_client_that_loses_messages_is_invalid_though_it_was_counted(
    command: Command, tmp_path: Path, faulty: Callable[[str], str]
) -> None:
    done = command(
        "run",
        "smoke",
        "--client",
        faulty("loses"),
        *COUNTED,
        "--limit",
        "2",
        "--output",
        "run",
        timeout=LIMIT_S,
    )
    assert done.returncode == 1
    (row,) = trials(tmp_path / "run")
    assert row["status"] == "invalid"
    assert row["instructions_per_message"] is None


async def test_two_cases_can_be_counted_without_a_run_folder() -> None:
    entry = catalogue.find_client("memory")
    cases = [
        plan.Case(
            number=number,
            scenario_name="own",
            point="",
            scenario=Scenario(in_flight=1),
            client="memory",
            entry=entry,
            loop="asyncio",
        )
        for number in (1, 2)
    ]
    wanted = environments.Wanted(
        client="memory", entry=entry, loop="asyncio", python=environments.our_python()
    )
    here = await environments.current(wanted)
    async with open_broker("auto", "memory") as broker:
        base, candidate = await both((cases[0], cases[1]), (here, here), (broker, broker), limit_s=10)
    assert candidate.per_message == pytest.approx(base.per_message, rel=0.005)
    assert base.low <= base.per_message <= base.high
    assert sum(base.functions.values()) == pytest.approx(base.repeats[-1], rel=1e-6)


def test_a_profile_of_callgrind_is_read_function_by_function(tmp_path: Path) -> None:
    part = tmp_path / f"{callgrind.OUT}.2"
    part.write_text(
        "events: Ir\nfl=(1) a.c\nfn=(1) first'2\n16 400\n+3 100\ncfn=(2) second\ncalls=5 50\n* 5000\n+1 7\n\n"
        "fn=(2)\n51 4000\nfi=(3) inlined.h\n* 1000\n\ntotals: 5507\n"
    )
    assert callgrind.by_function(part) == {"first": 507, "second": 5000}
    assert sum(callgrind.by_function(part).values()) == callgrind.total(part)


def test_the_parts_of_stretches_are_every_second_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in range(1, 12):
        (tmp_path / f"{callgrind.OUT}.{number}").touch()
    assert [path.suffix for path in callgrind.stretches(tmp_path)] == [".2", ".4", ".6", ".8", ".10"]
