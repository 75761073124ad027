"""The sentences below a table: what it was measured on, what is wrong, and what it may not be used for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.report.summary import CaseSummary

NOISY_STEAL_SHARE = 0.02
NOISY_OTHERS_CORES = 0.2
NOTABLE_HARNESS_SHARE = 0.05


def measured_on(facts: Mapping[str, Any]) -> str:
    """One sentence: broker, machine, interpreter."""
    machine = facts.get("fingerprint", {})
    brokers = " and ".join(
        f"{broker['origin']} {broker['kind']} {broker['version']}"
        for broker in facts.get("brokers", {}).values()
    )
    parts = [
        f"on {machine.get('cores_online')} cores ({machine.get('cpu_name')}",
        f"{machine.get('virtualisation') or 'no hypervisor'})",
        f"{machine.get('system_name')}, kernel {machine.get('kernel_release')}",
        f"Python {machine.get('python_version')}",
    ]
    return f"Measured against {brokers or 'no broker'}, {', '.join(parts)}."


def warnings(cases: Sequence[CaseSummary]) -> Iterator[str]:
    """What a reader of these rows must know; nothing if there is nothing."""
    valid = [case for case in cases if case.status == "valid"]
    if any(not case.stamped for case in cases):
        yield "Bodies under 32 bytes have no room for a stamp: their messages were counted, not identified."
    for case in valid:
        yield from _of_one(case)
    limits = {case.bottleneck for case in valid}
    for limit in ("broker", "host"):
        if limit in limits and len(valid) > 1:
            named = (f"{case.client} on {case.loop}" for case in valid if case.bottleneck == limit)
            who = ", ".join(dict.fromkeys(named))
            yield f"The {limit} was the limit for {who}: their rates do not compare the clients."
    if any((case.steal_share or 0) > NOISY_STEAL_SHARE for case in valid):
        share = max(case.steal_share or 0 for case in valid)
        yield f"The hypervisor took up to {share:.0%} of the time: the machine was not quiet."
    if any((case.others_cores or 0) > NOISY_OTHERS_CORES for case in valid):
        cores = max(case.others_cores or 0 for case in valid)
        yield f"Other processes used up to {cores:.1f} cores meanwhile: the machine was not quiet."
    shares = [case.harness_share for case in valid if case.harness_share is not None]
    if shares and max(shares) > NOTABLE_HARNESS_SHARE:
        yield f"The harness itself needs up to {max(shares):.0%} of the client's CPU time per message."
    if valid and all(case.rounds < 3 for case in valid):
        yield "Fewer than three rounds: a look, not a measurement."


def _of_one(case: CaseSummary) -> Iterator[str]:
    """What a reader must know of one valid case, whatever the others are."""
    who = " ".join(word for word in (case.client, "on", case.loop, case.point) if word)
    if case.latency_reason:
        yield f"The latency of {who} is not valid: {case.latency_reason}."
    if case.drift is not None:
        how = f"{abs(case.drift):.0%} {'faster' if case.drift > 0 else 'slower'}"
        yield f"{who} had not settled: in its rounds the last third of turns was {how} than the first."
