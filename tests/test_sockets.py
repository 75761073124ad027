"""Bytes on the wire, as the kernel counts them, against what a protocol's frames add up to."""

from __future__ import annotations

import gc
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import sockets
from bench.brokers import open_broker
from bench.engine.local import LocalEngine
from bench.scenario import Scenario
from bench.sockets import Traffic, between, connections

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
QUEUE = "q" * 30
# AMQP 0-9-1, 4.2.3: a frame has 7 bytes before and one behind it. basic.publish with an empty exchange, the
# header with the delivery mode alone, and the body; then basic.ack of the message when it was received.
PUBLISH_BYTES = 8 + (4 + 2 + 1 + 1 + len(QUEUE) + 1) + 8 + (2 + 2 + 8 + 2 + 1) + 8
ACK_BYTES = 8 + (4 + 8 + 1)
COUNT = 400


async def traffic(url: str, scenario: Scenario, *, adapter: str = "aioamqp") -> dict[str, int] | None:
    """What the second of two turns sent and received."""
    order = {
        "do": "connect",
        "adapter": adapter,
        "loop": "asyncio",
        "url": url,
        "queues": [QUEUE],
        "scenario": scenario.to_json(),
        "limit_s": 5.0,
    }
    async with LocalEngine().worker(sys.executable, {}) as worker:
        await worker.ask(order, 20)
        samples: list[dict[str, Any]] = [
            (await worker.ask({"do": "slice", "messages": COUNT}, 20))["sample"] for _ in range(2)
        ]
        await worker.ask({"do": "close"}, 20)
    found: dict[str, int] | None = samples[1]["traffic"]
    return found


async def test_a_message_is_as_many_bytes_as_its_frames_have() -> None:
    async with open_broker("embedded", "amqp") as broker:
        small, large = [await traffic(broker.url, Scenario(payload_bytes=size)) for size in (1000, 3000)]
        at_most_once = await traffic(broker.url, Scenario(payload_bytes=1000, guarantee="at-most-once"))
        churned = await traffic(broker.url, Scenario(churn=True, in_flight=2))
    assert small is not None
    assert large is not None
    assert at_most_once is not None
    late = 100 * ACK_BYTES  # the last acknowledgements, a prefetch at most, may leave after the stretch
    whole = COUNT * (PUBLISH_BYTES + 1000 + ACK_BYTES)
    assert whole - late <= small["sent_bytes"] <= whole + late
    assert large["sent_bytes"] - small["sent_bytes"] == pytest.approx(COUNT * 2000, abs=late)
    assert large["received_bytes"] - small["received_bytes"] == pytest.approx(COUNT * 2000, abs=late)
    assert at_most_once["sent_bytes"] == COUNT * (PUBLISH_BYTES + 1000)
    confirms = small["received_bytes"] - at_most_once["received_bytes"]
    assert confirms == pytest.approx(COUNT * ACK_BYTES, abs=late)
    assert churned is None


async def test_a_client_without_connections_sends_nothing() -> None:
    assert await traffic("memory://", Scenario(), adapter="memory") == {"sent_bytes": 0, "received_bytes": 0}


@pytest.fixture
def pair() -> Any:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as one,
        server.accept()[0] as other,
    ):
        yield one, other


def test_both_ends_of_a_connection_are_counted_and_kept(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    before = connections()
    pair[0].sendall(b"x" * 1000)
    assert len(pair[1].recv(1000, socket.MSG_WAITALL)) == 1000
    assert between(before, connections()) == Traffic(sent_bytes=1000, received_bytes=1000)
    gc.collect()
    pair[1].sendall(b"back")
    assert pair[0].recv(4) == b"back"


def test_nothing_is_said_of_connections_that_came_or_went(pair: tuple[socket.socket, socket.socket]) -> None:
    before = connections()
    pair[0].close()
    assert between(before, connections()) is None
    assert between(connections(), before) is None


def test_nothing_is_said_where_the_kernel_does_not_tell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sockets, "OPEN", tmp_path / "not Linux")
    assert connections() is None
    assert between(None, None) is None
