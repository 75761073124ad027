"""Adapters with extra work are honest clients: every message arrives, and the work is in their own code."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import catalogue
from bench.ledger import calibration
from bench.ledger.injected import CLIENTS, KINDS, Injection, unit_s

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_injected_adapter_is_found_with_the_abilities_of_its_client(
    tmp_path: Path, client: str, kind: str
) -> None:
    path = Injection(client=client, kind=kind, units=0.25).write(tmp_path, "extra")
    assert catalogue.find_client(str(path)).abilities == catalogue.clients()[client].abilities


@pytest.mark.parametrize("kind", KINDS)
def test_every_message_arrives_in_spite_of_extra_work(command: Command, tmp_path: Path, kind: str) -> None:
    words = []
    for client in ("memory", "aioamqp"):
        Injection(client=client, kind=kind, units=1.5).write(tmp_path, f"{client}_extra")
        words += ["--client", f"{client}_extra.py"]
    done = command(
        "run", "smoke", *words, "--loop", "asyncio", "--broker", "embedded", "--rounds", "1", "--slices", "1",
        "--set", "warmup_s=0.05",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


async def test_units_follow_the_level(tmp_path: Path) -> None:
    for kind in ("work", "allocation", "batching"):
        one, ten = [await calibration.units_for(kind, level, 1e-4) for level in (0.01, 0.10)]
        assert 0 < one < ten
    assert unit_s("allocation", loops=2000) > unit_s("work", loops=2000) > 0
