"""What a row says of how much came and how fast: messages accounted for, rates, how long it took. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.payload import STAMP_BYTES, Account

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.trial import Trial
    from bench.trial.turn import Turn


def counts(trial: Trial) -> dict[str, Any]:
    """The columns that count messages."""
    turns = trial.turns
    account = sum((turn.account for turn in turns), Account())
    confirmed = [turn.confirmed for turn in turns if turn.confirmed is not None]
    return {
        "slices": len(turns),
        "slice_messages": trial.slice_messages,
        "sent": sum(turn.sent for turn in turns),
        "confirmed": sum(confirmed) if confirmed else None,
        "received": account.received,
        "lost": account.lost,
        "duplicated": account.duplicated,
        "reordered": account.reordered,
        "corrupted": account.corrupted,
        "requeued": account.requeued,
        "negative_latencies": sum(turn.negative_latencies for turn in turns),
        "stamped": trial.case.scenario.payload_bytes >= STAMP_BYTES,
    }


def rate_per_s(turns: Sequence[Turn]) -> float | None:
    """Messages received a second of measured time; None where none was measured."""
    elapsed_s = sum(turn.elapsed_s for turn in turns)
    return sum(turn.account.received for turn in turns) / elapsed_s if elapsed_s else None


def rates(trial: Trial) -> dict[str, Any]:
    """The columns that have a second in them: of traffic, and of what came before it."""
    turns, scenario, setup = trial.turns, trial.case.scenario, trial.setup
    elapsed_s = sum(turn.elapsed_s for turn in turns)
    confirmed = sum(turn.confirmed for turn in turns if turn.confirmed is not None)
    return {
        "rate_per_s": rate_per_s(turns),
        "confirmed_per_s": confirmed / elapsed_s if confirmed and elapsed_s else None,
        "bytes_per_s": _received_bytes(turns, scenario.payload_bytes) / elapsed_s if elapsed_s else None,
        "elapsed_s": elapsed_s,
        "declare_s": setup.get("declare_s"),
        "connect_s": setup.get("connect_s"),
        "join_s": setup.get("join_s") if scenario.measure == "end-to-end" else None,
        "first_message_s": _first_message_s(trial),
        "drift": _drift(turns),
    }


def _received_bytes(turns: Sequence[Turn], payload_bytes: int) -> int:
    return sum(
        turn.account.received * payload_bytes if turn.received_bytes is None else turn.received_bytes
        for turn in turns
    )


def _first_message_s(trial: Trial) -> float | None:
    if trial.first_message_s is None:
        return None
    before = sum(trial.setup.get(name, 0.0) for name in ("declare_s", "connect_s", "join_s"))
    return trial.first_message_s + before


def _drift(turns: Sequence[Turn]) -> float | None:
    """The last third's rate over the first third's, less one; None for fewer than three turns."""
    third = len(turns) // 3
    if not third:
        return None
    before = sum(turn.rate_per_s for turn in turns[:third])
    return sum(turn.rate_per_s for turn in turns[-third:]) / before - 1 if before else None
