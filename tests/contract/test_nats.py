"""NATS clients keep the contract."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from contract.contract import Contract


@pytest.fixture(autouse=True)
def _collected_in_its_own_thread() -> Iterator[None]:
    """A stream of rloop 0.5.0, even a closed one, ends the process when another thread collects it."""
    gc.disable()
    yield
    gc.enable()
    gc.collect()


class TestNatsPy(Contract):
    adapter = "nats_py"
    protocol = "nats"
