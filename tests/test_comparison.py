"""From rows to verdicts: only sound rounds count, and what is said is what the figures say."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.cell import Cell
from bench.comparison import compare, round_effects
from bench.report import versus
from bench.schema import COMPARISON_COLUMNS
from bench.sides import Arms

ARMS = Arms(differ="client", base="aio-pika==9.6.2", candidate="aio-pika==10.2.1", pairs=((1, 2),))
SLICES = 20


def trial(case: int, number: int, **values: Any) -> dict[str, Any]:
    version = "9.6.2" if case % 2 else "10.2.1"
    plain = {
        "case": case, "round": number, "status": "valid", "reason": pd.NA, "scenario": "headline",
        "point": pd.NA, "client": f"aio-pika=={version}", "client_version": version, "loop": "asyncio",
        "loop_version": "3.12.4", "python_version": "3.12.4", "rate_per_s": 10_000.0,
    }  # fmt: skip
    return {**plain, **values}


def simulated(
    effect: float = 0.0,
    rounds: int = 12,
    pairs: tuple[tuple[int, int], ...] = ((1, 2),),
    spread: float = 0.01,
    seed: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trials and slices of rounds that differ more than their slices do, the candidate off by ``effect``."""
    random = np.random.default_rng(seed)
    trials, slices = [], []
    for number in range(1, rounds + 1):
        for pair in pairs:
            drift = random.normal(0, 0.2, SLICES)
            for case, own in zip(pair, (0.0, effect + random.normal(0, spread)), strict=True):
                rates = 10_000 * np.exp(drift + own + random.normal(0, 0.05, SLICES))
                trials.append(trial(case, number, rate_per_s=float(rates.mean())))
                slices += [
                    {"case": case, "round": number, "slice": index, "rate_per_s": rate}
                    for index, rate in enumerate(rates)
                ]
    random.shuffle(slices)
    return pd.DataFrame(trials), pd.DataFrame(slices)


def records(trials: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in trials.to_dict("records")]


def only(trials: pd.DataFrame, slices: pd.DataFrame, arms: Arms = ARMS) -> Cell:
    (cell,) = compare(arms, trials, slices)
    return cell


@pytest.mark.parametrize(("effect", "outcome"), [(-0.08, "slower"), (0.08, "faster")])
def test_a_known_effect_is_found_and_lies_in_its_interval(effect: float, outcome: str) -> None:
    cell = only(*simulated(effect))
    assert (cell.outcome, cell.rounds) == (outcome, 12)
    assert cell.ratio_low is not None
    assert cell.ratio_high is not None
    assert cell.ratio_low < math.exp(effect) < cell.ratio_high
    assert cell.detectable is not None
    assert 0 < cell.detectable < 0.08


def test_equal_sides_are_called_different_no_more_often_than_promised() -> None:
    outcomes = [only(*simulated(seed=seed)).outcome for seed in range(40)]
    assert sum(outcome in ("faster", "slower") for outcome in outcomes) <= 2
    assert "no difference" in outcomes


def test_drift_that_hits_both_slices_of_a_pair_cancels() -> None:
    trials, slices = simulated(0.0, spread=0.0)
    assert all(abs(effect) < 0.05 for effect in round_effects(trials, slices, (1, 2)).values())


def test_a_round_with_an_invalid_side_is_no_replicate_and_the_cell_has_no_verdict() -> None:
    trials, slices = simulated(-0.5)
    bad = (trials["case"] == 2) & (trials["round"] == 3)
    trials.loc[bad, ["status", "reason"]] = ["invalid", "5 lost of 100"]
    assert sorted(round_effects(trials, slices, (1, 2))) == [1, 2, *range(4, 13)]
    cell = only(trials, slices)
    assert (cell.outcome, cell.rounds) == ("invalid", 11)
    assert cell.reason == "the candidate was invalid in round 3: 5 lost of 100"
    assert versus.sentence(cell).endswith(
        "cannot be compared at headline on asyncio: the candidate was invalid in round 3: 5 lost of 100."
    )


def test_too_few_rounds_are_said_and_are_never_a_verdict() -> None:
    cell = only(*simulated(-0.5, rounds=7))
    assert cell.outcome == "inconclusive"
    assert cell.reason == "needs at least 8 rounds to be sure at p < 0.01, has 7"
    single = only(*simulated(-0.5, rounds=1))
    assert (single.outcome, single.ratio, single.detectable) == ("inconclusive", None, None)
    assert "would have been seen" not in versus.sentence(cell)
    assert "stays open: needs at least 8 rounds" in versus.sentence(single)


def test_a_side_that_was_not_measured_is_invalid() -> None:
    trials, slices = simulated()
    cell = only(trials[trials["case"] == 1], slices[slices["case"] == 1])
    assert (cell.outcome, cell.reason, cell.rounds) == ("invalid", "the candidate was not measured", 0)
    assert (cell.ratio, cell.base_rate_per_s) == (None, None)


def test_a_skipped_cell_keeps_its_reason() -> None:
    trials, slices = simulated()
    arms = Arms(differ="client", base="a", candidate="b", pairs=((1, 2), (3, 4)))
    skipped = [trial(case, 0, status="skipped", reason="cannot do it", rate_per_s=None) for case in (3, 4)]
    judged, other = compare(arms, pd.concat([trials, pd.DataFrame(skipped)]), slices)
    assert judged.outcome != "skipped"
    assert (other.outcome, other.reason) == ("skipped", "cannot do it")
    assert versus.sentence(other).endswith("were not compared at headline on asyncio: cannot do it.")


def test_many_cells_make_a_verdict_harder() -> None:
    """Eight rounds of one sign have p = 2/256: below 0.01 alone, not as one of six."""
    pairs = tuple((2 * index + 1, 2 * index + 2) for index in range(6))
    many = Arms(differ="client", base="a", candidate="b", pairs=pairs)
    trials, slices = simulated(-0.5, rounds=8, pairs=pairs[:1])
    equal_trials, equal_slices = simulated(0.0, rounds=8, pairs=pairs[1:])
    assert only(trials, slices).outcome == "slower"
    judged = compare(many, pd.concat([trials, equal_trials]), pd.concat([slices, equal_slices]))
    assert judged[0].outcome == "inconclusive"
    assert judged[0].reason == "needs at least 11 rounds to be sure at p < 0.01 among 6 cells, has 8"
    assert judged[0].detectable is None
    more, fewer = (
        compare(
            Arms(differ="client", base="a", candidate="b", pairs=asked), *simulated(rounds=12, pairs=asked)
        )
        for asked in (pairs, pairs[:1])
    )
    assert more[0].detectable is not None
    assert fewer[0].detectable is not None
    assert more[0].detectable > fewer[0].detectable


def test_a_slow_down_is_said_in_time_per_message_with_the_versions() -> None:
    sentence = versus.sentence(
        Cell(
            base_case=1,
            candidate_case=2,
            place="headline on asyncio",
            base="aio-pika 9.6.2",
            candidate="aio-pika 10.2.1",
            outcome="slower",
            reason="",
            rounds=12,
            ratio=0.97,
            ratio_low=0.96,
            ratio_high=0.98,
            detectable=0.018,
            p=0.001,
            base_rate_per_s=1.0,
            candidate_rate_per_s=1.0,
        )
    )
    assert sentence == (
        "aio-pika 10.2.1 is 3.1 % [2.0, 4.2] slower than 9.6.2 at headline on asyncio. "
        "Differences from 1.8 % would have been seen (9 times in 10, at p < 0.01)."
    )


def test_settings_loops_and_interpreters_are_named_by_what_they_are() -> None:
    trials, slices = simulated()
    trials["client"], trials["client_version"] = "aio-pika", "9.6.2"
    trials["loop"] = trials["case"].map({1: "asyncio", 2: "uvloop==0.21.0"})
    trials["loop_version"] = trials["case"].map({1: "3.12.4", 2: "0.21.0"})
    trials["python_version"] = trials["case"].map({1: "3.11.9", 2: "3.12.4"})
    trials["point"] = trials["case"].map(
        {1: "payload_bytes=32 prefetch=10", 2: "payload_bytes=32 prefetch=100"}
    )
    named = {
        differ: only(
            trials, slices, Arms(differ=differ, base="prefetch=10", candidate="prefetch=100", pairs=((1, 2),))
        )
        for differ in ("loop", "python", "prefetch")
    }
    assert (named["loop"].base, named["loop"].candidate) == ("asyncio 3.12.4", "uvloop 0.21.0")
    assert (named["python"].base, named["python"].candidate) == ("Python 3.11.9", "Python 3.12.4")
    assert (named["prefetch"].base, named["prefetch"].candidate) == ("prefetch=10", "prefetch=100")
    assert named["prefetch"].place == "headline payload_bytes=32 with aio-pika 9.6.2 on asyncio"
    assert named["loop"].place == "headline payload_bytes=32 prefetch=10 with aio-pika 9.6.2"


def test_equal_sides_are_said_to_be_so() -> None:
    trials, slices = simulated(spread=0.001)
    trials["client_version"] = "9.6.2"
    trials["client"] = "aio-pika"
    same = Arms(differ="client", base="aio-pika", candidate="aio-pika", pairs=((1, 2),))
    assert versus.sentence(only(trials, slices, same)).startswith(
        "The candidate (aio-pika 9.6.2) is as fast as the base (also aio-pika 9.6.2) at headline on asyncio"
    )
    other = Arms(
        differ="client", base="aio-pika @ file:///a", candidate="aio-pika @ file:///b", pairs=((1, 2),)
    )
    assert only(trials, slices, other).base == "aio-pika @ file:///a"


def test_dependencies_that_differ_too_are_said_once() -> None:
    pairs = ((1, 2), (3, 4))
    trials, slices = simulated(pairs=pairs)
    trials["client_requires"] = trials["case"].map(lambda case: f"yarl==1 aiormq=={7 - case % 2}")
    cells = compare(Arms(differ="client", base="a", candidate="b", pairs=pairs), trials, slices)
    assert list(versus.warnings(records(trials), cells)) == [
        "Their dependencies differ too: aiormq==6 on the side of the base, aiormq==7 on the candidate's."
    ]
    assert list(versus.warnings(records(trials.assign(client_requires="yarl==1")), cells)) == []


def test_rows_have_the_columns_of_the_schema_and_json_is_json() -> None:
    cells = compare(ARMS, *simulated())
    (row,) = versus.rows(cells)
    assert list(row) == [column.name for column in COMPARISON_COLUMNS]
    (told,) = json.loads(versus.as_json(cells))
    assert told["outcome"] == cells[0].outcome
    assert versus.as_csv(cells).splitlines()[0] == ",".join(row)


def test_arms_survive_being_stored() -> None:
    assert Arms.from_json(json.loads(json.dumps(ARMS.to_json()))) == ARMS
