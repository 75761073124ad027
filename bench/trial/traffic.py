"""What a row says of the bytes on the client's connections. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.sockets import Traffic


def columns(turns: Sequence[Traffic | None], messages: int) -> dict[str, float | None]:
    """Bytes for each of so many messages; empty unless they are known of every turn."""
    known = [turn for turn in turns if turn is not None]
    if len(known) < len(turns) or not messages:
        return {"sent_bytes_per_message": None, "received_bytes_per_message": None}
    return {
        "sent_bytes_per_message": sum(turn.sent_bytes for turn in known) / messages,
        "received_bytes_per_message": sum(turn.received_bytes for turn in known) / messages,
    }
