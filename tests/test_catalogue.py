"""Clients and scenarios by name and by file; what is not there is said with the nearest name."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bench import catalogue
from bench.errors import ScenarioError, UnknownNameError, UsageError
from bench.loops import LOOPS
from bench.report import reference

ROOT = Path(__file__).parent.parent


def test_the_extras_are_the_clients_and_the_loops() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    clients = {entry.name for entry in catalogue.clients().values() if entry.abilities.distribution}
    loops = {loop.name for loop in LOOPS.values() if loop.distribution}
    assert set(extras) - {"all", "pytest"} == clients | loops


@pytest.mark.parametrize("entry", catalogue.clients().values(), ids=lambda entry: entry.name)
def test_an_adapter_names_the_documented_way_that_it_uses(entry: catalogue.ClientEntry) -> None:
    text = (ROOT / "bench" / "clients" / f"{entry.adapter}.py").read_text()
    assert entry.summary
    assert not entry.abilities.distribution or "(https://" in text


def test_a_requirement_is_found_by_its_name() -> None:
    assert catalogue.find_client("Aio_Pika==9.6.2").name == "aio-pika"


@pytest.mark.parametrize(
    ("client", "message"),
    [
        ("aiopika", "no client 'aiopika'; did you mean 'aio-pika'"),
        ("aio-pika=9", "'aio-pika=9' is not a requirement such as aio-pika==9.6.2"),
        ("nowhere.py", "there is no adapter file nowhere.py"),
    ],
)
def test_an_unknown_client_is_a_sentence(client: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        catalogue.find_client(client)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def", "does not parse"),
        ("x = 1", "says nowhere what it can do"),
        ("abilities = Abilities(distribution=NAME, protocol='amqp')", "must be literals"),
        ("abilities = Abilities(distribution='x', protocol='amqp', speed=3)", "must be literals"),
    ],
)
def test_an_adapter_file_that_breaks_the_contract_is_a_sentence(
    tmp_path: Path, source: str, message: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(UsageError, match=message):
        catalogue.find_client(str(path))


@pytest.mark.parametrize("entry", catalogue.scenarios().values(), ids=lambda entry: entry.name)
def test_every_scenario_asks_a_question_and_has_points(entry: catalogue.ScenarioEntry) -> None:
    assert "?" in entry.question
    assert entry.points
    assert len({entry.label(point) for point in entry.points}) == len(entry.points)


def test_every_scenario_of_ours_is_in_a_group_and_listed_once() -> None:
    listed = [entry.name for entries in catalogue.grouped().values() for entry in entries]
    assert sorted(listed) == sorted(catalogue.scenarios())
    assert all(entry.group != catalogue.OWN_GROUP for entry in catalogue.scenarios().values())


def test_a_scenario_of_no_known_group_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text('"""Mine?"""\nfrom bench import Scenario\nGROUP = "odd"\nSCENARIO = Scenario()\n')
    with pytest.raises(ScenarioError, match="has the group 'odd'; there are: overview, guarantees,"):
        catalogue.find_scenario(str(path))


def test_the_page_of_scenarios_has_each_with_its_question_and_what_it_varies() -> None:
    page = reference.scenario_page()
    for entry in catalogue.scenarios().values():
        assert f"### {entry.name}\n\n{entry.question}\n" in page
    assert "| `prefetch` | 1, 4, 16, 64, 256, 1024 |" in page


def test_an_unknown_scenario_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="no scenario 'headlin'; did you mean 'headline'"):
        catalogue.find_scenario("headlin")


def test_a_scenario_of_somebody_elses_is_taken_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text('"""Mine?"""\nfrom bench import Scenario\nSCENARIO = Scenario(prefetch=3)\n')
    entry = catalogue.find_scenario(str(path))
    assert (entry.name, entry.points[0].prefetch) == ("mine", 3)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("SCENARIO = 3", r"must define SCENARIO = Scenario\(\.\.\.\)"),
        ("1 / 0", "fails: ZeroDivisionError"),
        (
            "from bench import Scenario\nSCENARIO = Scenario(consumers=0)",
            "consumers must be at least 1, got 0",
        ),
    ],
)
def test_a_scenario_file_that_breaks_the_contract_is_a_sentence(
    tmp_path: Path, source: str, message: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(ScenarioError, match=message):
        catalogue.find_scenario(str(path))


def test_a_missing_scenario_file_is_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"there is no scenario file gone\.py"):
        catalogue.find_scenario("gone.py")
