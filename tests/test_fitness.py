"""Whether recorded machines are fit to measure on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import fitness
from bench.fitness import Check, Facts, Noise
from bench.machine import Fingerprint

MACHINES = Path(__file__).parent / "data" / "machines"


def recorded(name: str) -> Facts:
    return Facts.from_json(json.loads((MACHINES / f"{name}.json").read_text()))


def verdicts(facts: Facts) -> dict[str, str]:
    return {check.name: check.verdict for check in fitness.checks(facts)}


def check(facts: Facts, name: str) -> Check:
    return next(one for one in fitness.checks(facts) if one.name == name)


@pytest.mark.parametrize(
    ("machine", "unfit", "doubtful"),
    [
        ("quiet-server", set(), set()),
        ("laptop-on-battery", {"power"}, {"governor", "turbo", "load", "noise"}),
        ("vm-with-steal", {"steal", "noise"}, set()),
        ("container-of-half-a-core", {"cores", "memory"}, {"quota", "load"}),
        ("debug-python", {"python"}, set()),
        ("slow-clock", {"clock"}, set()),
        ("windows", set(), set()),
    ],
)
def test_a_recorded_machine_is_judged_by_what_keeps_rates_from_being_true(
    machine: str, unfit: set[str], doubtful: set[str]
) -> None:
    found = verdicts(recorded(machine))
    assert {name for name, verdict in found.items() if verdict == "unfit"} == unfit
    assert {name for name, verdict in found.items() if verdict == "doubtful"} == doubtful
    assert fitness.is_fit(fitness.checks(recorded(machine))) == (not unfit)


@pytest.mark.parametrize("path", sorted(MACHINES.glob("*.json")), ids=lambda path: path.stem)
def test_what_is_not_fit_says_how_to_mend_it_and_what_is_says_nothing(path: Path) -> None:
    for one in fitness.checks(recorded(path.stem)):
        if one.name != "noise" or one.verdict != "unknown":
            assert bool(one.mend) == (one.verdict in ("doubtful", "unfit")), one


def test_what_a_platform_does_not_say_is_unknown_and_no_reason_against_it() -> None:
    found = fitness.checks(Facts(machine=Fingerprint(), watched_s=2))
    assert {one.verdict for one in found} == {"unknown", "fit"}
    assert fitness.is_fit(found)


def test_a_laptop_is_told_the_command_that_sets_its_governor() -> None:
    one = check(recorded("laptop-on-battery"), "governor")
    assert (one.found, one.mend) == ("powersave", "sudo cpupower frequency-set --governor performance")


def test_the_summary_names_what_is_wrong_and_nothing_else() -> None:
    def said(name: str) -> str:
        return fitness.summary(fitness.checks(recorded(name)))

    assert said("quiet-server") == "This machine is fit to measure on."
    assert said("vm-with-steal") == "This machine is unfit to measure on: steal, noise."
    doubtful = replace(recorded("laptop-on-battery"), on_battery=False)
    assert fitness.summary(fitness.checks(doubtful)) == (
        "This machine is fit to measure on, with doubts: governor, turbo, load, noise."
    )


def test_a_difference_between_the_same_and_itself_is_a_doubt_however_narrow_its_interval() -> None:
    noise = Noise(rounds=8, outcome="faster", ratio=1.02, ratio_low=1.015, ratio_high=1.025, detectable=0.006)
    assert check(replace(recorded("quiet-server"), noise=noise), "noise").verdict == "doubtful"


@given(st.floats(0, 0.5), st.floats(0, 0.5))
def test_more_noise_is_never_fitter(one: float, other: float) -> None:
    worse = ["fit", "doubtful", "unfit"]

    def rank(detectable: float) -> int:
        quiet = recorded("quiet-server")
        assert quiet.noise is not None
        noisy = replace(quiet, noise=replace(quiet.noise, detectable=detectable))
        return worse.index(check(noisy, "noise").verdict)

    assert rank(min(one, other)) <= rank(max(one, other))


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_steal_is_never_fitter(one: float, other: float) -> None:
    worse = ["fit", "doubtful", "unfit"]
    ranks = [
        worse.index(check(replace(recorded("quiet-server"), steal_share=share), "steal").verdict)
        for share in sorted((one, other))
    ]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("path", sorted(MACHINES.glob("*.json")), ids=lambda path: path.stem)
def test_facts_survive_json(path: Path) -> None:
    facts = recorded(path.stem)
    assert Facts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
