"""How an answer names what was measured and shows its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.terminal import client_label

if TYPE_CHECKING:
    from bench.report.summary import CaseSummary


def who(case: CaseSummary) -> str:
    """Such as ``aio-pika 10.2.1 on asyncio``."""
    return f"{client_label(case)} on {case.loop}"


def where(case: CaseSummary) -> str:
    """Such as ``rabbitmq 3.10.8``; the client itself where it needs no broker."""
    if not case.broker_kind:
        return "no broker"
    return f"{case.broker_kind} {case.broker_version or ''}".strip()


def per_s(rate: float | None) -> str:
    """Three digits, as no rate of a few rounds has more."""
    return "" if rate is None else f"{float(f'{rate:.3g}'):,g}"


def ms(value_us: float | None) -> str:
    return "" if value_us is None else f"{value_us / 1000:.3g}"


def latency(case: CaseSummary) -> str:
    """Such as ``p50 3.2 ms (p99 9.8 ms)``."""
    if case.latency_p50_us is None:
        return "no latency that can be told"
    tail = "" if case.latency_p99_us is None else f" (p99 {ms(case.latency_p99_us)} ms)"
    return f"p50 {ms(case.latency_p50_us)} ms{tail}"


def percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f}"
