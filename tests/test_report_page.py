"""What a report page says, and that nothing in it can break out: pure, from run folders made up for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import Made, run_folder

from bench import comparison, results, sides
from bench.cli.report import source
from bench.histogram import SAMPLES_BEYOND, Histogram
from bench.report import ranking
from bench.report.html import page
from bench.report.html.answer import Answer, answer
from bench.report.html.curves import curve
from bench.report.html.figures import as_json
from bench.report.html.source import Digest, digest
from bench.report.sweeps import Curve

ROOT = Path(__file__).parent.parent
PLACES = {"client": ["aio-pika", "aioamqp"], "loop": ["asyncio", "uvloop"]}


def digested(folder: Path) -> Digest:
    return digest(source(folder))


def answered(folder: Path) -> Answer:
    return answer(digested(folder))


def sweep_of(*points: tuple[int, float]) -> list[Made]:
    return [
        Made(point=f"prefetch={value}", scenario="prefetch", rate_per_s=rate, fields={"prefetch": value})
        for value, rate in points
    ]


def test_the_answer_names_the_fastest_by_how_much_and_how_sure(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", [Made(), Made(client="aioamqp", version="0.15", rate_per_s=2000)])
    first = answered(folder).findings[0]
    assert first.startswith("aioamqp 0.15 on asyncio delivered ")
    assert "the messages of aio-pika 10.2.1 on asyncio" in first
    assert "It was faster than every other" in first


def test_what_cannot_be_told_apart_is_said(tmp_path: Path) -> None:
    cases = [Made(), Made(loop="uvloop", rate_per_s=1001), Made(client="pika", rate_per_s=10)]
    folder = run_folder(tmp_path / "run", cases)
    assert "It cannot be told apart from aio-pika 10.2.1 on " in answered(folder).findings[0]


def test_each_client_that_may_be_as_fast_is_named_once_with_all_its_loops(tmp_path: Path) -> None:
    cases = [
        Made(client=client, version="", loop=loop, rate_per_s=rate)
        for client, rate in (("pika", 1000), ("aiormq", 1001), ("slow", 10))
        for loop in ("asyncio", "uvloop")
    ]
    found = answered(run_folder(tmp_path / "run", cases))
    lead, rivals = found.findings[0].split("\n")
    assert "told apart" not in lead
    named = sorted(word for word in rivals.split() if word in ("pika", "aiormq", "slow"))
    assert named == ["aiormq", "pika"]
    assert rivals.count(" or ") == 1
    assert rivals.endswith("; it was faster than the other 2.")
    assert found.limits == ["The client was the limit (its event loop filled a core) for every case."]


def test_one_round_claims_no_certainty(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", [Made(), Made(loop="uvloop", rate_per_s=9000)], rounds=1)
    found = answered(folder)
    assert "how sure that is cannot be said" in found.findings[0]
    assert "Fewer than three rounds: a look, not a measurement." in found.cautions


def test_a_single_case_has_nothing_to_compare_with(tmp_path: Path) -> None:
    assert "with nothing to compare with" in answered(run_folder(tmp_path / "run", [Made()])).findings[0]


def test_a_run_without_a_valid_row_gives_no_figure_and_the_reasons(tmp_path: Path) -> None:
    bad = {"status": "invalid", "reason": "3 lost of 500", "lost": 3}
    folder = run_folder(tmp_path / "run", [Made(changes=bad)])
    found = answered(folder)
    assert "There is no figure to trust" in found.findings[0]
    assert "3 lost of 500" in found.findings[1]


def test_an_interrupted_run_says_so_first(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", [Made()])
    facts = json.loads((folder / results.RUN).read_text())
    (folder / results.RUN).write_text(json.dumps({**facts, "finished": False, "outcome": "interrupted"}))
    assert answered(folder).findings[0].startswith("The run did not finish (interrupted)")


def test_the_limit_is_named_with_whom_it_limited(tmp_path: Path) -> None:
    cases = [Made(), Made(client="aioamqp", changes={"bottleneck": "broker"})]
    limits = answered(run_folder(tmp_path / "run", cases)).limits
    assert "for aio-pika 10.2.1 on asyncio" in limits[0]
    assert limits[1] == "The broker was the limit for aioamqp 10.2.1 on asyncio."


def test_a_run_that_counted_instructions_tells_of_work_and_claims_no_rate(tmp_path: Path) -> None:
    names = ("instructions_per_message", "instructions_low_per_message", "instructions_high_per_message")
    counts = {
        "meter": "instructions",
        "rate_per_s": None,
        "instructions_repeats": 3,
        **dict.fromkeys(names, 9517.0),
    }
    folder = run_folder(tmp_path / "run", [Made(changes=counts)], meter="instructions")
    found = answered(folder)
    assert found.findings[0].startswith("aio-pika 10.2.1 on asyncio executes 9,517 instructions a message")
    assert found.cautions == [
        "Instructions outside the kernel say how much work, not how long: they are no rate."
    ]
    assert "9,517" in page.rendered([source(folder)]).partition("Instructions a message, over")[2]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"broker_origin": "embedded"}, "The broker is embedded"),
        ({"load_model": "open"}, "compare latencies, not rates"),
        ({"load_model": "closed"}, "Latency is of a closed loop"),
        ({"guarantee": "at-most-once"}, "Rows differ in their guarantee"),
    ],
)
def test_each_caution_has_its_cause(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    cases = [Made(changes=changes), Made(loop="uvloop")]
    assert any(words in one for one in answered(run_folder(tmp_path / "run", cases)).cautions)


def test_a_sweep_says_where_each_line_is_fastest(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", sweep_of((1, 100), (10, 900), (100, 1000)))
    (sweep,) = digested(folder).sweeps
    assert (sweep.field, len(sweep.curves), len(sweep.curves[0].points)) == ("prefetch", 1, 3)
    assert "was fastest at prefetch = 100" in answered(folder).findings[0]


def test_the_knee_is_where_rate_over_latency_is_greatest(tmp_path: Path) -> None:
    cases = sweep_of((1, 100), (10, 900), (100, 1000))
    slow = Made(**{**slots(cases[2]), "changes": {"latency_p50_us": 90_000.0}})
    (sweep,) = digested(run_folder(tmp_path / "run", [*cases[:2], slow])).sweeps
    assert sweep.curves[0].knee == 10


def slots(made: Made) -> dict[str, Any]:
    return {name: getattr(made, name) for name in Made.__dataclass_fields__}


def test_a_line_without_latency_has_no_knee(tmp_path: Path) -> None:
    cases = [Made(**{**slots(one), "has_latency": False}) for one in sweep_of((1, 9), (10, 90), (100, 80))]
    (sweep,) = digested(run_folder(tmp_path / "run", cases)).sweeps
    curve_: Curve = sweep.curves[0]
    assert curve_.knee is None


def test_a_ratio_is_that_of_the_paired_slices_as_in_a_comparison(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", [Made(), Made(loop="uvloop", rate_per_s=1100)], rounds=4)
    run = results.load(folder)
    turns = ranking.valid_turns(run.rows, results.read_table(folder / results.SLICES))
    found = ranking.ratio(turns, 2, 1)
    arms = sides.Arms(differ="loop", base="a", candidate="b", pairs=((1, 2),))
    (cell,) = comparison.compare(arms, run.trials, run.slices)
    assert found is not None
    assert (found.estimate, found.low, found.high) == pytest.approx(
        (cell.ratio, cell.ratio_low, cell.ratio_high)
    )


def test_cases_of_different_blocks_are_compared_through_the_one_that_both_met(tmp_path: Path) -> None:
    cases = [Made(client=f"client{number}", rate_per_s=1000 + 200 * number) for number in range(9)]
    (found,) = digested(run_folder(tmp_path / "run", cases)).rankings
    assert len(found.behind_best) == 8
    assert found.behind_best[2].estimate == pytest.approx(2600 / 1200, rel=0.1)


def test_intervals_that_must_hold_together_are_wider(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", [Made(), Made(loop="uvloop")])
    turns = ranking.valid_turns(results.load(folder).rows, results.read_table(folder / results.SLICES))
    alone, together = ranking.ratio(turns, 2, 1), ranking.ratio(turns, 2, 1, among=10)
    assert alone is not None
    assert together is not None
    assert (together.low or 1) < (alone.low or 0) < (alone.high or 9) < (together.high or 0)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: (
    st.lists(inner) | st.dictionaries(st.text(), inner)
), max_leaves=8))  # fmt: skip
def test_embedded_data_comes_back_whole_and_cannot_end_its_element(data: Any) -> None:
    text = as_json(data)
    assert json.loads(text) == data
    assert not set(text) & set("<>&\u2028\u2029")


@given(st.lists(st.integers(0, 60_000_000_000), max_size=300))
def test_a_curve_rises_and_ends_where_ten_samples_lie_beyond(latencies_ns: list[int]) -> None:
    histogram = Histogram()
    histogram.add_all(latencies_ns)
    points = curve(histogram)
    assert points == sorted(points)
    assert [us for _, us in points] == sorted(us for _, us in points)
    for x, us in points:
        beyond = sum(ns // 1000 > us for ns in latencies_ns)
        assert beyond >= SAMPLES_BEYOND
        assert x == pytest.approx(len(latencies_ns) / beyond)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["mqbench", "run", "--output", "x"], "mqbench run --seed 7"),
        (["mqbench", "run", "--output=x", "--seed", "9"], "mqbench run --seed 9"),
        (["mqbench", "ab", "a b", "c"], "mqbench ab 'a b' c --seed 7"),
    ],
)
def test_the_command_that_repeats_a_run_has_its_seed_and_no_old_folder(
    command: list[str], shown: str
) -> None:
    assert page.repeated({"command": command, "seed": 7}) == shown


@given(st.text())
def test_a_sentence_with_figures_set_apart_is_still_escaped(text: str) -> None:
    shown = page.strengthened(f"<b>{text} 1.21x [1.18, 1.24] & 3.1 % [2.0, 4.2]")
    assert "<b>" not in shown
    plain = shown.replace("\u00a0", " ")
    assert "<strong>1.21x [1.18, 1.24]</strong> &amp; <strong>3.1 % [2.0, 4.2]</strong>" in plain
    assert "1.21x\u00a0[1.18,\u00a01.24]" in shown


def test_the_page_allows_only_its_own_scripts_and_no_request(tmp_path: Path) -> None:
    text = page.rendered([source(run_folder(tmp_path / "run", [Made()]))])
    assert "default-src &#39;none&#39;" in text
    assert text.count("sha256-") == len(page.SCRIPTS) == text.count("<script>")


def test_the_bundle_of_the_charts_is_that_of_the_locked_packages() -> None:
    package = json.loads((ROOT / "scripts/charts/package.json").read_text())
    lock = json.loads((ROOT / "scripts/charts/package-lock.json").read_text())
    plot = package["dependencies"]["@observablehq/plot"]
    vendor = ROOT / "bench/report/html/vendor"
    assert lock["packages"]["node_modules/@observablehq/plot"]["version"] == plot
    assert (vendor / "charts.js").read_text().startswith(f"/* Observable Plot {plot} and")
    licences = (vendor / "LICENSES.txt").read_text()
    assert licences.startswith(f"@observablehq/plot {plot} (ISC)")
    assert "no licence file" not in licences
    assert "resolved" not in (ROOT / "scripts/charts/package-lock.json").read_text()
