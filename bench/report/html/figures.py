"""The numbers that assets/figures.js draws, as JSON. It reads those of the slices from the page's CSV."""

from __future__ import annotations

import json
from statistics import fmean
from typing import TYPE_CHECKING, Any

from bench.report.html.curves import METRICS, curve, merged
from bench.report.html.source import label, place
from bench.report.stepped import sound_steps
from bench.report.terminal import client_label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.report.html.source import Comparison, Digest
    from bench.report.summary import CaseSummary
    from bench.report.sweeps import Sweep

_CPU = {
    "user": "client_cpu_user_us_per_message",
    "system": "client_cpu_system_us_per_message",
    "broker": "broker_cpu_us_per_message",
}


def figures(digest: Digest) -> dict[str, Any]:
    histograms = merged(digest.source.latencies, digest.source.run.rows)
    return {
        "name": digest.source.name,
        "files": dict(digest.source.files),
        "cases": [_case(case, digest) for case in digest.cases],
        "ratios": _ratios(digest) if digest.comparison is None else _verdicts(digest.comparison),
        "margin": digest.comparison and digest.comparison.margin,
        "sweeps": [_sweep(sweep) for sweep in digest.sweeps],
        "steps": [_step(step) for step in sound_steps(digest.source.run)],
        "metrics": METRICS,
        "curves": {
            metric: {str(case): curve(histogram) for case, histogram in cases.items()}
            for metric, cases in histograms.items()
        },
    }


def as_json(data: Any) -> str:
    """JSON that may stand in a page: no character that could end its element or begin another."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _case(case: CaseSummary, digest: Digest) -> dict[str, Any]:
    group, series = _role(case, digest)
    return {
        "case": case.case,
        "scenario": case.scenario,
        "place": place(case),
        "client": case.client,
        "client_label": client_label(case),
        "loop": case.loop,
        "label": label(case),
        "group": group,
        "series": series,
        "cpu": cpu_us(case, digest),
    }


def _role(case: CaseSummary, digest: Digest) -> tuple[str, str]:
    """With which cases it is drawn in one figure, and what it is called there."""
    for cell in digest.comparison.cells if digest.comparison else ():
        if case.case == cell.base_case:
            return cell.place, f"base: {cell.base}"
        if case.case == cell.candidate_case:
            return cell.place, f"candidate: {cell.candidate}"
    return place(case), label(case)


def cpu_us(case: CaseSummary, digest: Digest) -> dict[str, float] | None:
    """The means over valid rounds, in microseconds a message, of what is known; None if nothing is.

    Means, because those of the parts add up to that of the whole.
    """
    own = [row for row in digest.source.run.rows if row["case"] == case.case and row["status"] == "valid"]
    known = {
        part: [float(row[column]) for row in own if row.get(column) is not None]
        for part, column in _CPU.items()
    }
    return {part: fmean(values) for part, values in known.items() if values} or None


def _ratios(digest: Digest) -> list[dict[str, Any]]:
    by_number = {case.case: case for case in digest.cases}
    return [
        {
            "case": one.case,
            "cases": [one.case, one.reference],
            "label": label(by_number[one.case]),
            "against": label(by_number[one.reference]),
            "place": place(by_number[one.case]),
            "ratio": one.estimate,
            "low": one.low,
            "high": one.high,
        }
        for ranking in digest.rankings
        for one in ranking.against_first.values()
    ]


def _verdicts(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "case": cell.candidate_case,
            "cases": [cell.base_case, cell.candidate_case],
            "label": cell.candidate,
            "against": cell.base,
            "place": cell.place,
            "ratio": cell.ratio,
            "low": cell.ratio_low,
            "high": cell.ratio_high,
            "verdict": cell.outcome,
        }
        for cell in comparison.cells
        if cell.ratio is not None
    ]


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step of a row: messages a second, and milliseconds."""
    p99_us = step["latency_p99_us"]
    return {
        "case": step["case"],
        "round": step["round"],
        "step": step["step"],
        "rates": step["rates"],
        "due": step["target_rate_per_s"],
        "rate": step["rate_per_s"],
        "kept": step["kept"],
        "p99": None if p99_us is None else p99_us / 1000,
    }


def _sweep(sweep: Sweep) -> dict[str, Any]:
    return {
        "scenario": sweep.scenario,
        "field": sweep.field,
        "curves": [
            {
                "client": curve.client,
                "loop": curve.loop,
                "rest": curve.rest,
                "knee": curve.knee,
                "points": [
                    {
                        "case": case.case,
                        "x": value,
                        "rate": case.rate_per_s,
                        "low": case.rate_low_per_s,
                        "high": case.rate_high_per_s,
                    }
                    for value, case in curve.points
                ],
            }
            for curve in sweep.curves
        ],
    }
