"""The harness's own ceiling: the memory client can do what is left of any scenario without its broker."""

from __future__ import annotations

import pytest

from bench.catalogue import find_client, scenarios
from bench.ceiling import bared


@pytest.mark.parametrize("name", sorted(scenarios()))
def test_what_is_measured_beside_a_scenario_is_something_that_memory_can_do(name: str) -> None:
    abilities = find_client("memory").abilities
    for point in scenarios()[name].points:
        assert abilities.shortfall(bared(point)) is None
