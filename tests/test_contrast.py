"""Stored runs compared: what is paired, what is refused, and what is only advice."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench import results
from bench.contrast.across import across
from bench.contrast.within import within
from bench.errors import ComparisonRefusedError, UnknownNameError, UsageError
from bench.report.contrast import page
from bench.stats.multiplicity import simultaneous_intervals
from bench.stats.rounds import round_effect
from bench.stats.unpaired import unpaired

Command = Callable[..., subprocess.CompletedProcess[str]]
REFERENCE = Path(__file__).parent / "data" / "headline-rabbitmq"
SLICES = 9
MACHINE = {"cpu_family": 26, "cpu_model": 2, "kernel": "6.18", "cores_online": 2}


def trial(case: int, number: int, rate: float = 1000.0, **values: Any) -> dict[str, Any]:
    plain = {
        "case": case, "round": number, "block": 1, "status": "valid", "reason": None, "scenario": "headline",
        "point": None, "client": "aio-pika", "client_version": "10.2.1", "loop": "asyncio",
        "loop_version": "3.12",
        "python_version": "3.12", "protocol": "amqp", "guarantee": "at-least-once", "persistent": False,
        "measure": "end-to-end", "payload_bytes": 1024, "broker_kind": "rabbitmq", "broker_origin": "native",
        "broker_version": "4.0", "broker_url": f"amqp://127.0.0.1:{case}", "rate_per_s": rate,
    }  # fmt: skip
    return {**plain, **values}


def measured(
    cases: dict[int, dict[str, Any]], rounds: int = 12, spread: float = 0.01, seed: int = 1
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows and slices of rounds whose turns drift together, by far more than the cases differ."""
    random = np.random.default_rng(seed)
    rows, slices = [], []
    for number in range(1, rounds + 1):
        drift = random.normal(0, 0.3, SLICES)
        for case, values in cases.items():
            own = values.get("effect", 0.0) + random.normal(0, spread)
            rates = 1000 * np.exp(drift + own)
            facts = {name: value for name, value in values.items() if name != "effect"}
            rows.append(trial(case, number, float(rates.mean()), **facts))
            slices += [
                {
                    "case": case,
                    "round": number,
                    "block": rows[-1]["block"],
                    "slice": index,
                    "rate_per_s": float(rate),
                }
                for index, rate in enumerate(rates)
            ]
    return rows, slices[::-1]


def facts(**machine: Any) -> dict[str, Any]:
    return {"fingerprint": {**MACHINE, **machine}, "seed": 1}


def test_every_case_stands_against_the_first_and_drift_that_they_share_does_not_count() -> None:
    rows, slices = measured({1: {}, 2: {"loop": "uvloop", "effect": 0.1}, 3: {"client": "aioamqp"}})
    faster, same = within(rows, slices)
    assert (faster.base_case, faster.candidate_case, faster.outcome) == (1, 2, "faster")
    assert faster.ratio == pytest.approx(math.exp(0.1), rel=0.01)
    assert (same.candidate_case, same.outcome) == (3, "no difference")
    assert faster.candidate == "aio-pika 10.2.1 on uvloop"


def test_the_intervals_of_many_cells_are_wider_than_that_of_one() -> None:
    cases: dict[int, dict[str, Any]] = {1: {}, 2: {"loop": "uvloop"}}
    rows, slices = measured(cases)
    (alone,) = within(rows, slices)
    more = {number: {"loop": f"l{number}"} for number in range(3, 9)}
    rows, slices = measured({**cases, **more})
    among = within(rows, slices)[0]
    assert alone.ratio_high is not None
    assert alone.ratio_low is not None
    assert among.ratio_high is not None
    assert among.ratio_low is not None
    assert among.ratio_high / among.ratio_low > (alone.ratio_high / alone.ratio_low) ** 1.2


def test_the_intervals_are_those_that_hold_at_once() -> None:
    cases = {number: {"loop": f"l{number}"} for number in range(1, 5)}
    rows, slices = measured(cases)
    rates: dict[tuple[int, int], list[float]] = {}
    for row in sorted(slices, key=lambda row: row["slice"]):
        rates.setdefault((row["case"], row["round"]), []).append(row["rate_per_s"])
    effects = {
        case: [round_effect(rates[1, number], rates[case, number]) for number in range(1, 13)]
        for case in (2, 3, 4)
    }
    wanted = simultaneous_intervals(effects)
    for cell in within(rows, slices):
        interval = wanted[cell.candidate_case]
        assert (cell.ratio_low, cell.ratio_high) == pytest.approx(
            (math.exp(interval.low), math.exp(interval.high))
        )


@pytest.mark.parametrize("words", ["uvloop", "2", "aio-pika uvloop"])
def test_the_reference_is_named_by_words(words: str) -> None:
    rows, slices = measured({1: {}, 2: {"loop": "uvloop"}})
    (cell,) = within(rows, slices, reference=words)
    assert (cell.base_case, cell.candidate_case) == (2, 1)


def test_a_reference_that_is_not_there_says_which_words_are() -> None:
    rows, slices = measured({1: {}, 2: {"loop": "uvloop"}})
    with pytest.raises(UnknownNameError, match=r"no case of headline with the words 'rloop'.*uvloop"):
        within(rows, slices, reference="rloop")


def test_points_are_compared_with_each_other_where_each_has_one_case() -> None:
    rows, slices = measured({1: {"point": "prefetch=1"}, 2: {"point": "prefetch=10", "effect": 0.5}})
    (cell,) = within(rows, slices)
    assert (cell.base, cell.candidate, cell.outcome) == ("prefetch=1", "prefetch=10", "faster")


def test_cases_of_other_blocks_are_not_paired() -> None:
    rows, slices = measured({1: {}, 2: {"loop": "uvloop", "block": 2}})
    (cell,) = within(rows, slices)
    assert (cell.outcome, cell.rounds, cell.ratio) == ("inconclusive", 0, None)
    assert "never took turns in one block" in cell.reason


def test_cases_that_differ_in_a_guarantee_are_refused_unless_it_is_allowed() -> None:
    rows, slices = measured({1: {}, 2: {"protocol": "kafka", "client": "aiokafka"}})
    with pytest.raises(
        ComparisonRefusedError, match=r"differ in protocol \(amqp and kafka\); .* --allow protocol$"
    ):
        within(rows, slices)
    assert len(within(rows, slices, allowed=["protocol"])) == 1
    with pytest.raises(UnknownNameError, match="no field to allow 'kernel'"):
        within(rows, slices, allowed=["kernel"])


def test_an_invalid_round_makes_the_cell_invalid_whatever_the_others_say() -> None:
    rows, slices = measured({1: {}, 2: {"loop": "uvloop", "effect": 0.5}})
    rows[-1] |= {"status": "invalid", "reason": "3 lost of 9"}
    (cell,) = within(rows, slices)
    assert (cell.outcome, cell.reason) == (
        "invalid",
        "aio-pika 10.2.1 on uvloop was invalid in round 12: 3 lost of 9",
    )


def test_a_run_of_one_case_has_nothing_to_compare() -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        within(*measured({1: {}}))


def test_two_runs_are_compared_cell_by_cell_as_advice() -> None:
    before, _ = measured({1: {}, 2: {"loop": "uvloop"}}, spread=0.02)
    after, _ = measured(
        {1: {"client_version": "11"}, 5: {"loop": "uvloop", "effect": 0.9, "client_version": "11"}},
        spread=0.02,
    )
    same, faster = across((facts(), before), (facts(), after))
    assert (same.outcome, faster.outcome) == ("inconclusive", "faster")
    assert (faster.base_case, faster.candidate_case) == (2, 5)
    text = page([same, faster], advisory=True, notes=()).as_markdown()
    assert "**Note:** Advisory: the runs were not measured together." in text


@pytest.mark.parametrize(
    ("machine", "row", "named"),
    [
        ({"cpu_model": 3}, {}, r"cpu\_model|cpu_model \(2 and 3\)"),
        ({"kernel": "6.1"}, {}, r"kernel \(6\.18 and 6\.1\)"),
        ({}, {"broker_version": "3.10"}, r"broker_version \(4\.0 and 3\.10\)"),
        ({}, {"payload_bytes": 32}, r"payload_bytes \(1024 and 32\)"),
        ({}, {"guarantee": "at-most-once"}, r"guarantee \(at-least-once and at-most-once\)"),
        ({}, {"loop_version": "3.13"}, r"loop_version"),
        ({}, {"client": "aioamqp"}, r"client \(aio-pika and aioamqp\)"),
        ({"cores_online": None}, {}, r"cores_online \(2 and nothing\)"),
    ],
)
def test_runs_that_differ_are_refused_with_the_field(
    machine: dict[str, Any], row: dict[str, Any], named: str
) -> None:
    before, _ = measured({1: {}})
    after, _ = measured({1: row})
    with pytest.raises(ComparisonRefusedError, match=named) as refused:
        across((facts(), before), (facts(**machine), after))
    field = str(refused.value).split("--allow ")[-1]
    assert len(across((facts(), before), (facts(**machine), after), allowed=[field])) == 1


def test_every_differing_field_is_named_at_once() -> None:
    before, _ = measured({1: {}})
    after, _ = measured({1: {"broker_version": "3.10"}})
    with pytest.raises(ComparisonRefusedError, match=r"--allow kernel --allow broker_version$"):
        across((facts(), before), (facts(kernel="6.1"), after))


def test_a_private_broker_on_another_port_is_the_same_and_an_external_one_is_not() -> None:
    before, _ = measured({1: {}})
    after, _ = measured({1: {"broker_url": "amqp://127.0.0.1:999"}})
    assert len(across((facts(), before), (facts(), after))) == 1
    for row in (*before, *after):
        row["broker_origin"] = "external"
    with pytest.raises(ComparisonRefusedError, match="broker_url"):
        across((facts(), before), (facts(), after))


def test_runs_without_a_common_cell_say_what_each_has() -> None:
    before, _ = measured({1: {}, 2: {"loop": "uvloop"}})
    after, _ = measured({1: {"client": "aioamqp"}, 2: {"client": "aioamqp", "loop": "uvloop"}})
    with pytest.raises(UsageError, match=r"no cell in common: one has headline aio-pika .* on asyncio"):
        across((facts(), before), (facts(), after))


FEW = st.lists(st.integers(-500, 500), min_size=2, max_size=12).filter(lambda values: len(set(values)) > 1)


@given(FEW, FEW)
def test_the_unpaired_interval_is_scipys_welch(base: list[int], candidate: list[int]) -> None:
    told = unpaired(base, candidate)
    theirs = stats.ttest_ind(candidate, base, equal_var=False)
    bounds = theirs.confidence_interval(0.95)
    assert told.p == pytest.approx(float(theirs.pvalue), abs=1e-9)
    assert (told.difference.low, told.difference.high) == pytest.approx(
        (bounds.low, bounds.high), rel=1e-6, abs=1e-9
    )


def test_the_command_refuses_another_machine_with_4_and_compares_when_told_to(
    command: Command, tmp_path: Path
) -> None:
    shutil.copytree(REFERENCE, tmp_path / "elsewhere")
    stored = json.loads((tmp_path / "elsewhere" / "run.json").read_text())
    stored["fingerprint"]["kernel"] = "5.10"
    (tmp_path / "elsewhere" / "run.json").write_text(json.dumps(stored))
    refused = command("compare", str(REFERENCE), "elsewhere")
    assert refused.returncode == 4
    assert refused.stderr == (
        "mqbench: the runs differ in kernel (6.18 and 5.10); compare them all the same with --allow kernel\n"
    )
    allowed = command("compare", str(REFERENCE), "elsewhere", "--allow", "kernel", "--format", "json")
    told = json.loads(allowed.stdout)
    assert (told["advisory"], {cell["ratio"] for cell in told["cells"]}) == (True, {1.0})


def test_the_command_shows_the_same_cells_in_every_format(command: Command) -> None:
    shown = {shape: command("compare", str(REFERENCE), "--format", shape) for shape in ("markdown", "csv")}
    assert {done.returncode for done in shown.values()} == {3}, "five rounds are too few for a verdict"
    for done in shown.values():
        assert "inconclusive" in done.stdout
    assert shown["markdown"].stdout.startswith("| cell | base | candidate | base msg/s |")
    assert len(shown["csv"].stdout.splitlines()) == 4


def test_a_newer_run_is_refused_with_the_version_that_reads_it(command: Command, tmp_path: Path) -> None:
    shutil.copytree(REFERENCE, tmp_path / "newer")
    stored = json.loads((tmp_path / "newer" / "run.json").read_text())
    (tmp_path / "newer" / "run.json").write_text(
        json.dumps({**stored, "schema_version": 99, "mqbench_version": "9.1"})
    )
    done = command("compare", "newer")
    assert (done.returncode, "use mqbench 9.1 or newer" in done.stderr) == (2, True)


def test_a_run_of_before_a_column_was_there_still_compares(tmp_path: Path) -> None:
    shutil.copytree(REFERENCE, tmp_path / "older")
    stored = results.load(tmp_path / "older")
    rows = [
        {name: value for name, value in row.items() if name not in ("consumer_client", "load_model")}
        for row in stored.rows
    ]
    assert len(within(rows, stored.slice_rows)) == 3
    assert len(across((stored.facts, rows), (stored.facts, list(stored.rows)))) == 4
