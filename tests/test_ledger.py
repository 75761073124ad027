"""The ledger: what it makes, in which order, that it goes on where it stopped, and how it counts."""

from __future__ import annotations

import math
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from bench.ledger import ablation, analysis, page
from bench.ledger.design import EQUAL, LEVELS, REFERENCE, Design, planned
from bench.ledger.making import ARMS
from bench.ledger.rules import RULES, Rates

Command = Callable[..., "subprocess.CompletedProcess[str]"]
DESIGN = Design(
    client="memory",
    broker="embedded",
    rounds=(8, 8),
    slices=3,
    seed=7,
    message_us=3.0,
    units={"work": {f"{level:g}": 10.0 for level in LEVELS}, "hop": {f"{level:g}": 1.0 for level in LEVELS}},
    slice_s=0.05,
    warmup_s=0.02,
)


def test_a_design_survives_its_file_and_its_gates_are_the_same_again() -> None:
    again = Design.from_json(DESIGN.to_json())
    assert again == DESIGN
    one, two = (list(planned(each, condition="quiet", equal=5, injected=2)) for each in (DESIGN, again))
    assert one == two
    assert len({gate.key for gate in one}) == len(one) == 5 + 2 * 2 * len(LEVELS)
    counts = Counter((gate.kind, gate.level) for gate in one)
    assert counts.pop((EQUAL, 0.0)) == 5
    assert set(counts.values()) == {2}


def test_a_design_from_when_it_said_whether_gates_are_whole_still_loads() -> None:
    assert Design.from_json({**DESIGN.to_json(), "whole": True}) == DESIGN


def test_more_gates_of_a_kind_begin_with_those_that_were_made() -> None:
    few, many = (
        {gate.key for gate in planned(DESIGN, condition="quiet", equal=count, injected=0)} for count in (3, 9)
    )
    assert few < many


def rows(
    key: str, effect: float, *, rounds: int = 16, spread: float = 0.01, seed: int = 1
) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    found = []
    for number in range(1, rounds + 1):
        shift = effect + float(random.normal(0, spread))
        for arm, rate in zip(ARMS, (1000.0, 1000 * math.exp(shift), 1000.0), strict=True):
            words = " ".join(f"{rate * math.exp(float(random.normal(0, 0.01))):g}" for _ in range(4))
            found.append({"key": key, "round": number, "arm": arm, "rates_per_s": words})
    return found


def gate(key: str, outcome: str, **changes: Any) -> dict[str, Any]:
    return {
        "key": key,
        "condition": "quiet",
        "kind": EQUAL,
        "level": 0.0,
        "outcome": outcome,
        "first": 8,
        "started_at": "2026-01-01T00:00:00Z",
        "took_s": 30.0,
        "whole": True,
        **changes,
    }


def ledger() -> list[analysis.Judged]:
    slow = {"kind": "work", "level": 0.1}
    gates = [
        gate("a", "pass"),
        gate("b", "regression"),
        gate("c", "regression", **slow),
        gate("r", "regression", **slow, condition=REFERENCE),
        gate("d", "inconclusive", kind="work", level=-0.05),
    ]
    effects = {"a": 0.0, "b": 0.0, "c": -0.1, "r": -0.1, "d": 0.05}
    raw = [
        row for index, (key, effect) in enumerate(effects.items()) for row in rows(key, effect, seed=index)
    ]
    return analysis.joined(gates, raw)


def test_false_regressions_power_and_coverage_are_counted_apart() -> None:
    (equal,) = analysis.equal_sides(ledger())
    assert (equal.regressions.hits, equal.regressions.of, equal.outcomes["pass"]) == (1, 2, 1)
    assert equal.regressions.interval is not None
    assert equal.regressions.interval.high > 0.9
    assert (equal.covered.of, equal.minutes) == (2, 1.0)
    found = {(one.kind, one.level): one for one in analysis.injected(ledger())}
    slower = found["work", 0.1]
    assert (slower.seen.hits, slower.seen.of, slower.faster.hits) == (1, 1, 0)
    assert slower.truth is not None
    assert analysis.slower_share(slower.truth.judged.estimate) == pytest.approx(0.105, abs=0.02)
    assert found["work", -0.05].faster.hits == 1


def test_gates_that_ended_early_count_for_false_alarms_and_for_nothing_else() -> None:
    early = analysis.joined(
        [gate("e", "pass", whole=False), gate("f", "regression", whole=False)],
        [*rows("e", 0.0, rounds=8), *rows("f", 0.3)],
    )
    (equal,) = analysis.equal_sides([*ledger(), *early])
    assert (equal.regressions.hits, equal.regressions.of, equal.whole) == (2, 4, 2)
    assert (equal.faster.hits, equal.faster.of, equal.covered.of) == (0, 2, 4)
    assert ablation.rules([*ledger(), *early]) == ablation.rules(ledger())


def test_the_reference_is_judged_by_nobody() -> None:
    ours, former = ablation.rules(ledger())[:2]
    assert (ours.name, former.name) == (ablation.OURS, ablation.FORMER)
    assert (ours.equal.hits, ours.equal.of) == (0, 2)  # what the rule says of the rounds, whatever was stored
    assert {level: share.of for level, share in ours.by_level.items()} == {-0.05: 1, 0.1: 1}


def test_of_a_gate_that_was_killed_and_made_again_the_later_rounds_count() -> None:
    raw = [*rows("a", -0.5, rounds=3), *rows("a", 0.0)]
    (found,) = analysis.joined([gate("a", "pass")], raw)
    assert len(found.rates["base"]) == 16
    assert abs(sum(found.effects()) / 16) < 0.05


def test_the_page_has_every_rule_and_says_where_nothing_was_made() -> None:
    machine = {"cores_online": 2, "cpu_name": "CPU", "python_version": "3.13"}
    text = page.written(DESIGN, machine, page.Findings.of(ledger()), "led", {})
    assert all(name in text for name in (*RULES, ablation.OURS))
    assert "| quiet | 2 | 2 | 1 | 1 [" in text
    assert max(map(len, text.splitlines())) < 200
    empty = page.written(DESIGN, machine, page.Findings.of([]), "led", {})
    assert empty.count("No such gate has been made.") == 9


def side(rate: float, rounds: int = 16) -> Sequence[Sequence[float]]:
    random = np.random.default_rng(int(rate))
    return [[float(one) for one in rate * np.exp(random.normal(0, 0.005, 4))] for _ in range(rounds)]


@pytest.mark.parametrize(("name", "rule"), RULES.items())
def test_each_rule_sees_a_candidate_of_a_third_of_the_rate_and_calls_none_slower_that_is_faster(
    name: str, rule: Callable[[Rates], bool]
) -> None:
    assert rule(Rates(base=side(900.0), candidate=side(300.0), previous=900.0))
    assert not rule(Rates(base=side(900.0), candidate=side(1200.0), previous=900.0))
