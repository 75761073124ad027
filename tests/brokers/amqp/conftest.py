"""One broker for all tests of this room, and clients of other origins to talk to it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest

from .peers import WAIT_S, BrokerProcess, Wire, started


@pytest.fixture(scope="session")
def broker() -> Iterator[BrokerProcess]:
    """One broker for all tests; what it prints beyond its first line fails the run."""
    with started() as broker:
        yield broker
        out, err = broker.process.communicate(timeout=WAIT_S)  # closes its stdin, which ends it
        assert (out, err, broker.process.returncode) == ("", "", 0)


@pytest.fixture
def connect(broker: BrokerProcess) -> Iterator[Callable[..., Any]]:
    """Opens pika connections, and closes what is left of them."""
    opened: list[Any] = []

    def connect(**parameters: Any) -> Any:
        opened.append(
            pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", broker.port, **parameters))
        )
        return opened[-1]

    yield connect
    for connection in opened:
        if connection.is_open:
            connection.close()


@pytest.fixture
def channel(connect: Callable[..., Any]) -> Any:
    return connect().channel()


@pytest.fixture
def queue(channel: Any) -> Any:
    """The name of an empty queue of the channel's connection."""
    return channel.queue_declare("", exclusive=True).method.queue


@pytest.fixture
def wire(broker: BrokerProcess) -> Iterator[Wire]:
    """A raw socket, not yet greeted."""
    wire = Wire(broker.port)
    with wire.socket:
        yield wire


@pytest.fixture
def open_wire(wire: Wire) -> Wire:
    """A raw socket with an open connection and channel 1."""
    assert wire.open() is None
    return wire
