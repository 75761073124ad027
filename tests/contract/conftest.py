"""Runs the contract on each loop that is installed and on each broker that the machine can have."""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from bench.brokers import Broker, ListedBroker, list_brokers, open_broker
from bench.loops import LOOPS, LoopFactory, factory
from contract.aside import aside
from contract.contract import Contract

brokers_of_this_machine = functools.cache(list_brokers)


def pytest_asyncio_loop_factories() -> Mapping[str, LoopFactory]:
    return {name: factory(name) for name, loop in LOOPS.items() if loop.missing() is None}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if (
        metafunc.cls is None
        or not issubclass(metafunc.cls, Contract)
        or "broker" not in metafunc.fixturenames
    ):
        return
    listed = [
        each
        for each in brokers_of_this_machine()
        if each.protocol == metafunc.cls.protocol
        # Where no engine answers, tests/brokers says so once; a thousand skips here would hide others.
        and (each.available or each.origin != "docker")
    ]
    metafunc.parametrize("listed", listed, ids=[f"{each.origin}-{each.kind}" for each in listed])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        kind = getattr(item, "cls", None)
        if kind is None or not issubclass(kind, Contract):
            continue
        for finding in kind.findings:
            if finding.covers(item.name):
                # Not strict: where a client fails by luck of timing, it also passes by it.
                item.add_marker(pytest.mark.xfail(reason=finding.reason, run=finding.run, strict=False))


@pytest.fixture(scope="session")
def everything_so_far_is_kept() -> None:
    """So that collecting garbage after each test looks only at what the tests made."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_garbage_in_other_threads(everything_so_far_is_kept: None) -> Iterator[None]:
    """A transport of uvloop's that another thread than the loop's collects aborts the process."""
    gc.disable()
    yield
    gc.collect()
    gc.freeze()  # what outlives its test (loops leave some) would be looked at again after every later one
    gc.enable()


@pytest.fixture(scope="session")
def opened() -> Iterator[Callable[[ListedBroker], Broker]]:
    """Opens a broker at the first call for it, in a thread of its own; all end with the session."""
    with ExitStack() as stack:

        @functools.cache
        def of(listed: ListedBroker) -> Broker:
            manager = open_broker(f"{listed.origin}:{listed.kind}", listed.protocol)
            return stack.enter_context(aside(manager))[0]

        yield of


@pytest.fixture
def broker(listed: ListedBroker, opened: Callable[[ListedBroker], Broker]) -> Broker:
    """The running broker; skips where the machine lacks it, and fails where CI must have it."""
    if listed.available:
        return opened(listed)
    reason = f"no {listed.origin} {listed.kind}: {listed.detail}"
    # CI's machine has no engine of Docker; everything else it installs.
    if os.environ.get("CI") == "true" and listed.origin != "docker":
        pytest.fail(f"{reason} (CI must have it)")
    pytest.skip(reason)
