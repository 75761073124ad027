"""What the tests of brokers share: real brokers or a reason, a folder of their own, and no leftovers."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from bench.brokers import Broker, list_brokers, open_broker

LEFTOVERS_LIMIT_S = 15.0
# What somebody may have set who runs a node of his own; RabbitMQ's scripts read the last without the prefix.
MISLEADING = ("RABBITMQ_NODENAME", "RABBITMQ_CONFIG_FILE", "RABBITMQ_MNESIA_DIR", "ERL_FLAGS", "NODENAME")


def needed(origin: str, kind: str) -> None:
    """Skips where the broker is not here, with the reason; in CI that is a failure, since CI installs it."""
    found = next(each for each in list_brokers() if (each.origin, each.kind) == (origin, kind))
    if found.available:
        return
    reason = f"no {origin} {kind}: {found.detail}"
    # CI's machine has no engine of Docker: there, a fake client proves the commands and the failures only.
    if os.environ.get("CI") == "true" and origin != "docker":
        pytest.fail(f"{reason} (CI must have it)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def native_rabbitmq() -> None:
    needed("native", "rabbitmq")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def node(native_rabbitmq: None) -> AsyncIterator[Broker]:
    """One RabbitMQ node for all tests that leave it as it is; it was started among variables that mislead."""
    with pytest.MonkeyPatch.context() as patch:
        for name in MISLEADING:
            patch.setenv(name, "/nonsense")
        async with open_broker("native", "amqp") as broker:
            yield broker


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stand() -> AsyncIterator[Broker]:
    """One embedded broker, likewise."""
    async with open_broker("embedded", "amqp") as broker:
        yield broker


async def eventually(condition: Callable[[], object], limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


def below(folder: Path) -> list[psutil.Process]:
    """The processes that are in the folder, or have it in command or environment; no zombies."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [process.cwd(), *process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(folder) in word for word in words):
            found.append(process)
    return found


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this test's brokers put their folders; afterwards neither a folder nor a process is left."""
    folder = tmp_path / "room"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    deadline = time.monotonic() + LEFTOVERS_LIMIT_S
    while (left := [*folder.iterdir(), *map(repr, below(folder))]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


@pytest.fixture
def opened(room: Path) -> Callable[..., AbstractAsyncContextManager[Broker]]:
    """``open_broker`` for AMQP, looked after."""

    def of(spec: str, say: Callable[[str], None] = lambda _: None) -> AbstractAsyncContextManager[Broker]:
        return open_broker(spec, "amqp", say=say)

    return of
