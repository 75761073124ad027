"""Bencher Metric Format: ``throughput`` in messages per second, and what a message costs. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.exports.cases import Exported

_MEASURES = {
    # Bencher's own measure of that name is in nanoseconds.
    "latency_p50_us": ("latency", 1000.0),
    "latency_p99_us": ("latency-p99-us", 1.0),
    "client_cpu_us_per_message": ("client-cpu-us-per-message", 1.0),
    "broker_cpu_us_per_message": ("broker-cpu-us-per-message", 1.0),
}


def document(cases: Sequence[Exported]) -> str:
    """Throughput with its 95 % interval; the others are medians over rounds. For the adapter ``json``."""
    told = {case.name: _metrics(case) for case in cases}
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def _metrics(case: Exported) -> dict[str, dict[str, float]]:
    throughput = {"value": case.rate_per_s}
    if (rate := case.rate) is not None:
        throughput |= {"lower_value": rate.low, "upper_value": rate.high}
    told = {"throughput": throughput}
    for name, value in case.medians.items():
        measure, scale = _MEASURES[name]
        told[measure] = {"value": value * scale}
    return told
