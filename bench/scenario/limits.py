"""The range of each number in a scenario: the most is far beyond what any machine can do. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.scenario import Scenario

MOST_LANES = 100_000
"""Each lane of a producer is a publish that may be under way."""
MOST_BYTES_UNDER_WAY = 16 << 30
"""Bodies of messages that are being published are in the memory of one process."""
MOST_BYTES = 256 << 20
MOST_TIME_S = 30 * 86_400.0
MOST_HANDLING_S = 60

_LEAST = {"payload_bytes": 0, "rate_per_s": 0.001}
_MOST_COUNT = 1_000_000_000
_MOST = {
    "producers": 10_000,
    "consumers": 10_000,
    "queues": 10_000,
    "prefetch": 1_000_000,
    "payload_bytes": MOST_BYTES,
    "in_flight": MOST_LANES,
    "rate_per_s": 1e14,  # and messages that are due in a turn must fit into memory
    "topics": 1_000_000,
    "partitions": 100_000,
    "replication": 100,
    "warmup_s": MOST_TIME_S,
    "measure_s": MOST_TIME_S,
}


def out_of_range(name: str, value: float, *, whole: bool) -> Iterator[str]:
    """What is wrong with the number of a field, in a sentence: there is one at most."""
    if whole and value < (least := _LEAST.get(name, 1)):
        yield f"{name} must be at least {least}, got {value}"
    elif not whole and not 0 < value < float("inf"):
        unit = "messages a second" if name.endswith("_per_s") else "seconds"
        yield f"{name} must be more than 0 {unit}, got {value}"
    elif value < _LEAST.get(name, 0):
        yield f"{name} must be at least {_LEAST[name]}, got {value}"
    elif value > (most := _MOST.get(name, _MOST_COUNT)):
        yield f"{name} must be at most {_shown(most)}{_in_words(most)}, got {_shown(value)}"


def too_large(scenario: Scenario) -> Iterator[str]:
    """What several fields of a scenario come to that is too much, each in its range."""
    lanes = scenario.producers * scenario.in_flight
    if lanes > MOST_LANES:
        yield (
            f"producers x in_flight must be at most {MOST_LANES:,}, got {scenario.producers:,} x "
            f"{scenario.in_flight:,}"
        )
    elif lanes * scenario.most_bytes > MOST_BYTES_UNDER_WAY:
        yield (
            f"producers x in_flight bodies must be at most 16 GiB together, got {lanes:,} of "
            f"{scenario.most_bytes:,} bytes: give a smaller in_flight"
        )
    if scenario.payload_mix is not None and scenario.most_bytes > MOST_BYTES:
        yield (
            f"a size of payload_mix must be at most {_shown(MOST_BYTES)}{_in_words(MOST_BYTES)}, got "
            f"{_shown(scenario.most_bytes)}"
        )
    if max(scenario.handler.time_us, scenario.handler.most_us or 0) > MOST_HANDLING_S * 1e6:
        yield f"handler must take at most {MOST_HANDLING_S} s, got {scenario.handler}"
    if scenario.schedule is not None and scenario.schedule.time_s > MOST_TIME_S:
        yield (
            f"schedule must take at most {_shown(MOST_TIME_S)} s (30 days), got "
            f"{_shown(scenario.schedule.time_s)} s"
        )


def _in_words(most: float) -> str:
    return {MOST_BYTES: " (256 MiB)", MOST_TIME_S: " seconds (30 days)"}.get(most, "")


def _shown(value: float) -> str:
    """With commas while a person can still count the digits; an int may be larger than any float."""
    if value < 10**15:
        return f"{value:,.0f}" if value == int(value) else f"{value:,}"
    return f"a number of {len(str(value))} digits" if isinstance(value, int) else f"{value:.3g}"
