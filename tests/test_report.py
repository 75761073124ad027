"""What is said about a run: only valid rows are averaged, and every warning has a cause."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bench.report import grid, summary, terminal, words
from bench.report.fitting import Fitted
from bench.report.reference import ROOT, TABLES, rewritten
from bench.schema import TRIAL_COLUMNS


def row(**values: Any) -> dict[str, Any]:
    plain = {
        "case": 1, "round": 1, "status": "valid", "scenario": "headline", "point": "", "client": "aio-pika",
        "client_version": "10.2.1", "loop": "asyncio", "guarantee": "at-least-once", "protocol": "amqp",
        "broker_kind": "rabbitmq", "broker_origin": "native", "broker_version": "4", "received": 1000,
        "lost": 0, "duplicated": 0, "reordered": 0, "corrupted": 0, "negative_latencies": 0,
        "stamped": True, "rate_per_s": 1000.0, "bottleneck": "client", "latency_p50_us": 500,
    }  # fmt: skip
    return {column.name: values.get(column.name, plain.get(column.name)) for column in TRIAL_COLUMNS}


def cases(*rows: dict[str, Any]) -> list[summary.CaseSummary]:
    return summary.summarise(rows)


def text(*rows: dict[str, Any], width: int = 200) -> str:
    console = Console(width=width, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(Fitted(terminal.grid_of(cases(*rows))))
    return captured.get()


def test_the_rate_is_the_geometric_mean_of_the_rounds_with_its_interval() -> None:
    (case,) = cases(*(row(round=n, rate_per_s=rate) for n, rate in enumerate((900, 1000, 1111.11), 1)))
    assert case.rate_per_s == pytest.approx(1000, rel=1e-4)
    assert case.rate_low_per_s is not None
    assert case.rate_high_per_s is not None
    assert case.rate_low_per_s < 900
    assert case.rate_high_per_s > 1111
    assert case.rounds == 3


def test_a_reference_that_stands_in_several_blocks_has_no_more_rounds_for_it() -> None:
    rates = (900, 1000, 1111.11)
    once = [row(round=n, block=1, rate_per_s=rate) for n, rate in enumerate(rates, 1)]
    (alone,) = cases(*once)
    (twice,) = cases(*once, *({**one, "block": 2} for one in once))
    assert twice.rounds == 3
    assert twice.rate_low_per_s == pytest.approx(alone.rate_low_per_s)
    assert twice.received == 2 * alone.received


def test_an_invalid_row_is_in_no_mean_and_keeps_its_reason() -> None:
    bad = row(round=2, status="invalid", reason="3 lost of 9", rate_per_s=1e9, lost=3)
    (case,) = cases(row(), bad)
    assert (case.status, case.reason, case.lost) == ("invalid", "3 lost of 9", 3)
    assert case.rate_per_s == pytest.approx(1000)
    assert "3 lost" in text(row(), bad)


def test_a_skipped_case_has_a_row_without_figures() -> None:
    skipped = row(
        case=2, round=0, status="skipped", reason="uvloop is missing", rate_per_s=None, received=None
    )
    _, case = cases(row(), skipped)
    assert (case.status, case.rate_per_s, case.received) == ("skipped", None, 0)
    assert "skipped" in text(row(), skipped)


def test_each_point_is_compared_with_its_own_first_valid_case() -> None:
    rows = [
        row(case=1, point="a", rate_per_s=100),
        row(case=2, point="a", rate_per_s=150),
        row(case=3, point="b", rate_per_s=10),
        row(case=4, point="b", rate_per_s=30),
    ]
    assert [case.versus for case in cases(*rows)] == pytest.approx([1, 1.5, 1, 3])


def test_what_all_lines_would_say_alike_is_left_out_of_the_table() -> None:
    one = text(row(), row(case=2, loop="uvloop"))
    assert "at-least-once" not in one
    two = text(row(), row(case=2, guarantee="at-most-once"))
    assert "at-least-once" in two
    assert "at-most-once" in two


@pytest.mark.parametrize("width", [40, 80])
def test_a_narrow_terminal_gets_every_row(width: int) -> None:
    shown = text(row(), row(case=2, loop="uvloop"), width=width)
    assert max(len(line) for line in shown.splitlines()) <= width


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"stamped": False}, "their messages were counted, not identified"),
        ({"bottleneck": "broker"}, "The broker was the limit for aio-pika on asyncio"),
        ({"bottleneck": "host"}, "The host was the limit for aio-pika on asyncio"),
        ({"steal_share": 0.3}, "The hypervisor took up to 30% of the time"),
        ({"others_cores": 0.7}, "Other processes used up to 0.7 cores meanwhile"),
        ({"harness_share": 0.2}, "The harness itself needs up to 20% of the client's CPU time"),
        ({}, "Fewer than three rounds"),
    ],
)
def test_each_warning_has_its_cause(changes: dict[str, Any], warning: str) -> None:
    said = list(words.warnings(cases(row(**changes), row(case=2, loop="uvloop"))))
    assert any(warning in one for one in said), said


@pytest.mark.parametrize(("way", "how"), [(1, "5% faster"), (-1, "5% slower")])
def test_a_case_that_drifts_in_every_round_is_flagged(way: int, how: str) -> None:
    drifts = [way * (0.05 + off) for off in (0.004, -0.003, 0.0, 0.002, -0.002)]
    rows = [row(round=number, drift=drift) for number, drift in enumerate(drifts, start=1)]
    steady = [row(case=2, loop="uvloop", round=n, drift=way * 0.05 * (-1) ** n) for n in range(1, 6)]
    (said,) = words.warnings(cases(*rows, *steady))
    assert said.startswith("aio-pika on asyncio had not settled: ")
    assert said.endswith(f"the last third of turns was {how} than the first.")


def test_one_round_that_drifts_is_no_drift_of_its_case() -> None:
    rows = [row(round=number, drift=0.3 if number == 2 else 0.001) for number in range(1, 6)]
    assert list(words.warnings(cases(*rows))) == []
    assert cases(row(drift=0.3))[0].drift is None


def test_a_quiet_run_with_enough_rounds_has_no_warning() -> None:
    rows = [row(case=case, round=n) for case in (1, 2) for n in (1, 2, 3)]
    assert list(words.warnings(cases(*rows))) == []


def test_no_figure_has_more_digits_than_its_rounds_agree_on() -> None:
    rates, cpus = (4000, 4300, 4400), (212.3456, 221.9, 230.1)
    rows = [
        row(round=n, rate_per_s=rate, latency_p50_us=1234.5, client_cpu_us_per_message=cpu)
        for n, (rate, cpu) in enumerate(zip(rates, cpus, strict=True), 1)
    ]
    shown = text(
        *rows,
        *(row(case=2, round=n, rate_per_s=rate * 1.2, loop="uvloop") for n, rate in enumerate(rates, 1)),
    )
    assert "4,230 [3,740, 4,790]" in shown
    assert " 220 " in shown, "the half width of 221.4 is 22"
    assert " 1.23 " in shown, "never more than three digits"
    assert " 1x " in shown
    assert " 1.20x " in shown


def test_markdown_says_what_the_terminal_says() -> None:
    told = grid.Page()
    told.table(terminal.grid_of(cases(row(), row(case=2, client="<script>|`x`", loop="uvloop"))))
    told.note("beware of [this](http://x)")
    lines = told.as_markdown().splitlines()
    assert lines[0].startswith(
        "| client | loop | msg/s [95 % interval] | vs first | p50 ms | p99 ms | CPU us/msg |"
    )
    assert lines[1].startswith("| --- | --- | ---: |")
    assert "\\<script\\>\\|\\`x\\`" in lines[3]
    assert lines[-1] == "**Note:** beware of [this]\\(http://x)"


@given(st.text())
def test_any_text_is_one_cell_of_markdown(hostile: str) -> None:
    line = grid.as_markdown(grid.grid((grid.Heading(name="a"),), (grid.Row((hostile,)),))).splitlines()
    assert len(line) == 3
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line[2])) == 2


def test_showing_a_run_loads_no_library_that_takes_a_second() -> None:
    code = (
        "import sys; from bench.cli import main; main(sys.argv[1:], standalone_mode=False);"
        "slow = {'pandas', 'statsmodels', 'scipy.stats', 'scipy.optimize', 'psutil'};"
        "print(*sorted(slow & set(sys.modules)))"
    )
    words = ("show", "tests/data/headline-rabbitmq")
    printed = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "msg/s" in printed
    assert printed.splitlines()[-1] == ""


def test_json_and_csv_hold_every_field_of_a_summary() -> None:
    found = cases(row())
    assert json.loads(summary.as_json(found))[0].keys() == summary.CaseSummary.__dataclass_fields__.keys()
    assert summary.as_csv(found).splitlines()[0].split(",") == list(summary.CaseSummary.__dataclass_fields__)


@pytest.mark.parametrize("name", TABLES)
def test_the_generated_tables_of_the_documents_are_current(name: str) -> None:
    document = (ROOT / name).read_text(encoding="utf-8")
    assert rewritten(document, TABLES[name]) == document, "run: make tables"
