"""The JSON that pytest-benchmark saves and that ``pytest-benchmark compare`` reads. Pure."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.exports.cases import Exported

VERSION = "5.1.0"
"""Of the pytest-benchmark whose format this is; it compares the figures and not this."""


def document(cases: Sequence[Exported], facts: Mapping[str, Any]) -> str:
    """``facts`` are run.json's. Data are seconds per message, one value a round."""
    machine = facts.get("fingerprint", {})
    told = {
        "machine_info": {
            "node": None,  # host names never leave the machine
            "processor": machine.get("cpu_name"),
            "machine": machine.get("architecture"),
            "python_compiler": machine.get("python_compiler"),
            "python_implementation": machine.get("python_implementation"),
            "python_implementation_version": machine.get("python_version"),
            "python_version": machine.get("python_version"),
            "release": machine.get("kernel_release"),
            "system": machine.get("system"),
            "cpu": {"count": machine.get("cores_online"), "brand_raw": machine.get("cpu_name")},
        },
        # Whose commit it would be, nobody knows: what is measured is a release or a checkout of a client.
        "commit_info": {"id": None, "time": None, "author_time": None, "dirty": None, "project": "mqbench"},
        "benchmarks": [_benchmark(case) for case in cases],
        "datetime": facts.get("started_at"),
        "version": VERSION,
    }
    return json.dumps(told, indent=4, ensure_ascii=False) + "\n"


def _benchmark(case: Exported) -> dict[str, Any]:
    scenario, point = case.facts["scenario"], case.facts.get("point")
    return {
        "group": f"{scenario} {point}" if point else scenario,
        "name": case.name,
        "fullname": f"mqbench::{case.name}",
        "params": {"client": case.facts["client"], "loop": case.facts["loop"]},
        "param": f"{case.facts['client']}-{case.facts['loop']}",
        "extra_info": {**case.facts, **case.medians},
        "options": {
            "disable_gc": False,
            "timer": "mqbench",
            "min_rounds": len(case.rates_per_s),
            "warmup": True,
        },
        "stats": stats(case.seconds_per_message),
    }


def stats(data: Sequence[float]) -> dict[str, Any]:
    """What pytest-benchmark derives from its data, by its own definitions of quartiles and outliers."""
    ordered = sorted(data)
    mean = statistics.mean(data)
    stddev = statistics.stdev(data) if len(data) > 1 else 0
    first, third = _quartiles(ordered)
    fence = 1.5 * (third - first)
    within = [value for value in ordered if first - fence <= value <= third + fence]
    by_stddev = sum(not mean - stddev <= value <= mean + stddev for value in data)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": stddev,
        "rounds": len(data),
        "median": statistics.median(data),
        "iqr": third - first,
        "q1": first,
        "q3": third,
        "iqr_outliers": len(data) - len(within),
        "stddev_outliers": by_stddev,
        "outliers": f"{by_stddev};{len(data) - len(within)}",
        "ld15iqr": within[0] if within else ordered[0],
        "hd15iqr": within[-1] if within else ordered[-1],
        "ops": len(data) / sum(data),
        "total": sum(data),
        "data": list(data),
        "iterations": 1,
    }


def _quartiles(ordered: Sequence[float]) -> tuple[float, float]:
    """The medians of the halves for an even count, between the two usual ways for an odd one."""
    count = len(ordered)
    if count == 1:
        return ordered[0], ordered[0]
    if count % 2 == 0:
        return statistics.median(ordered[: count // 2]), statistics.median(ordered[count // 2 :])
    n, left = divmod(count, 4)
    if left == 1:
        return (
            0.25 * ordered[n - 1] + 0.75 * ordered[n],
            0.75 * ordered[3 * n] + 0.25 * ordered[3 * n + 1],
        )
    return (
        0.75 * ordered[n] + 0.25 * ordered[n + 1],
        0.25 * ordered[3 * n + 1] + 0.75 * ordered[3 * n + 2],
    )
