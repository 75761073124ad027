"""``mqbench init``: what it writes is a gate, and it writes over nothing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import gatefile, starter
from bench.errors import UnknownNameError, UsageError

Command = Callable[..., "subprocess.CompletedProcess[str]"]
CLIENT = '[project]\nname = "Aio_Pika"\nversion = "1"\n'


def test_a_checkout_of_a_client_is_compared_with_a_commit_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(CLIENT)
    starter.start(tmp_path, None, force=False)
    asked = gatefile.read(tmp_path / "mqbench.toml")
    assert (asked.base, asked.candidate, asked.broker) == ("git:origin/main", None, "embedded")
    assert [(cell.scenario, cell.margin) for cell in asked.cells] == [("headline", 0.05)]
    workflow = (tmp_path / starter.WORKFLOW).read_text()
    assert 'uvx mqbench check --base "$BASE" --junit mqbench.xml' in workflow
    assert "BASE: git:origin/${{ github.base_ref }}" in workflow  # never within a shell's words
    assert "fetch-depth: 0" in workflow


def test_every_key_that_the_comments_name_exists(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(CLIENT)
    starter.start(tmp_path, None, force=False)
    path = tmp_path / "mqbench.toml"
    text = re.sub(r'^# (?=\w+ = ["\[])', "", path.read_text(), flags=re.MULTILINE)
    text = re.sub(r"^    # (?=\{)", "    ", text, flags=re.MULTILINE).replace("# Or fixed: rounds", "rounds")
    path.write_text(text)
    asked = gatefile.read(path)
    assert (asked.client, asked.cells[1].loop, asked.rounds) == ("aio-pika", "asyncio", (6, 10))


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
