"""``mqbench init``: what it writes is a gate, and it writes over nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import environments, starter
from bench.errors import UnknownNameError, UsageError
from bench.gate import gatefile

Command = Callable[..., "subprocess.CompletedProcess[str]"]
CLIENT = '[project]\nname = "Aio_Pika"\nversion = "1"\n'


def test_a_checkout_of_a_client_is_compared_with_a_commit_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(CLIENT)
    starter.start(tmp_path, None, force=False)
    asked = gatefile.read(tmp_path / "mqbench.toml")
    assert (asked.base, asked.candidate, asked.broker) == ("git:origin/main", None, "embedded")
    assert [(cell.scenario, cell.margin) for cell in asked.cells] == [("headline", 0.05)]
    workflow = (tmp_path / starter.WORKFLOW).read_text()
    assert 'uvx --from "$MQBENCH" mqbench check --base "$BASE" --junit mqbench.xml' in workflow
    assert re.search(r"^          MQBENCH: mqbench\b.+$", workflow, re.MULTILINE)
    assert_github_understands(tmp_path)
    assert "BASE: git:origin/${{ github.base_ref }}" in workflow  # never within a shell's words
    assert "fetch-depth: 0" in workflow


def assert_github_understands(folder: Path) -> None:
    words = ("--builtin-schema", "vendor.github-workflows", str(folder / starter.WORKFLOW))
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *words], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("depends", "runs"),
    [
        ('[dependency-groups]\ndev = ["pytest", "mqbench>=0.1"]\n', "uv run mqbench check"),
        (
            '[dependency-groups]\nbench = ["MQBench[uvloop] @ git+https://h/r"]\n',
            "uv run --group bench mqbench",
        ),
        ('[project.optional-dependencies]\nspeed = ["mqbench"]\n', "uv run --extra speed mqbench check"),
        ('[dependency-groups]\ndev = ["mqbench-amqp", {include-group = "x"}]\nx = []\n', "uvx --from"),
    ],
)
def test_a_project_that_depends_on_mqbench_runs_the_one_that_it_locked(
    tmp_path: Path, depends: str, runs: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(CLIENT + depends)
    starter.start(tmp_path, None, force=False)
    workflow = (tmp_path / starter.WORKFLOW).read_text()
    assert f"run: {runs}" in workflow
    assert ("MQBENCH:" in workflow) == ("uvx" in workflow)
    assert_github_understands(tmp_path)


@pytest.mark.parametrize(
    ("told", "source"),
    [
        (None, "one==1.5"),
        (
            {"url": "https://me:secret@host/one.git", "vcs_info": {"vcs": "git", "commit_id": "abc1"}},
            "one @ git+https://host/one.git@abc1",
        ),
        ({"url": "https://host/one.whl", "archive_info": {}}, "one @ https://host/one.whl"),
        ({"url": "file:///somewhere/one", "dir_info": {"editable": True}}, None),
    ],
)
def test_what_is_installed_is_pinned_where_it_can_be_had_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, object] | None, source: str | None
) -> None:
    folder = tmp_path / "one-1.5.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: one\nVersion: 1.5\n")
    if told is not None:
        (folder / "direct_url.json").write_text(json.dumps(told))
    monkeypatch.syspath_prepend(tmp_path)
    assert environments.pinned("one") == source


def test_every_key_that_the_comments_name_exists(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(CLIENT)
    starter.start(tmp_path, None, force=False)
    path = tmp_path / "mqbench.toml"
    text = re.sub(r'^# (?=\w+ = ["\[])', "", path.read_text(), flags=re.MULTILINE)
    text = re.sub(r"^    # (?=\{)", "    ", text, flags=re.MULTILINE).replace("# Or fixed: rounds", "rounds")
    path.write_text(text)
    asked = gatefile.read(path)
    assert (asked.client, asked.cells[1].loop, asked.rounds) == ("aio-pika", "asyncio", (6, 10))
    assert asked.meter == "instructions"


def test_elsewhere_two_releases_of_the_named_client_are_compared(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="say which with --client"):
        starter.start(tmp_path, None, force=False)
    with pytest.raises(UnknownNameError, match="did you mean 'aiormq'"):
        starter.start(tmp_path, "aiormk", force=False)
    assert list(tmp_path.iterdir()) == []
    starter.start(tmp_path, "aio-pika", force=False)
    asked = gatefile.read(tmp_path / "mqbench.toml")
    assert asked.base is not None
    assert asked.base.startswith("aio-pika")
    assert asked.candidate == "aio-pika"
    assert "BASE" not in (tmp_path / starter.WORKFLOW).read_text()
    assert_github_understands(tmp_path)


def test_what_is_there_is_written_over_by_force_alone(command: Command, tmp_path: Path) -> None:
    words = ("init", "--client", "memory")
    assert command(*words).stdout.startswith("wrote mqbench.toml\nwrote .github/workflows/mqbench.yml\n")
    (tmp_path / "mqbench.toml").write_text("mine")
    again = command(*words)
    assert (
        again.returncode,
        "there is mqbench.toml and .github/workflows/mqbench.yml already" in again.stderr,
    ) == (
        2,
        True,
    )
    assert (tmp_path / "mqbench.toml").read_text() == "mine"
    assert command(*words, "--force").returncode == 0
    assert gatefile.read(tmp_path / "mqbench.toml").base == "memory"
