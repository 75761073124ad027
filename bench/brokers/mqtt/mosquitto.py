"""A private mosquitto from the broker that is installed, beside whatever broker the system runs."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import shutil
import subprocess
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
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
START_LIMIT_S = 20.0
VERSION_LIMIT_S = 2.0
ATTEMPTS = 3
OLDEST = (2, 0)  # the first whose listeners and limits are as below
PORT_TAKEN = re.compile("address already in use", re.IGNORECASE)
PLACES = ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto")

# What a broker under a benchmark needs to differ in from mosquitto.conf(5)'s defaults, each with its reason.
CONFIGURATION = """\
listener {port} {host}
allow_anonymous false
password_file {folder}/passwords
# Started as root it would become another user, and the kernel would forget to kill it with its supervisor.
user root
persistence false
# Beyond its default of 1000 queued messages mosquitto drops silently, QoS 0 as well as 1. 0 is no limit.
max_queued_messages 0
# Its default is 20 unacknowledged messages, in both directions, whatever a client asks for: publishers with
# more in flight are cut off, consumers with a larger receive maximum are kept below it. 0 is 65535.
max_inflight_messages 0
# Small packets are not held back for 40 ms until the peer has acknowledged the last.
set_tcp_nodelay true
log_dest stdout
log_type error
log_type warning
log_timestamp false
connection_messages false
"""


def configuration(host: str, port: int, folder: str) -> str:
    return CONFIGURATION.format(host=host, port=port, folder=folder)


def password_line(password: str) -> str:
    """As mosquitto_passwd writes it: PBKDF2 with SHA-512, which mosquitto 2 reads."""
    salt, rounds = secrets.token_bytes(12), 101
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"{USER}:$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


def installed() -> tuple[str, str]:
    """Path and version; raises BrokerError with the reason why there is none that can be used."""
    # Debian puts it where only root's PATH looks.
    path = shutil.which("mosquitto") or next((place for place in PLACES if Path(place).is_file()), None)
    if path is None:
        raise BrokerError("mosquitto is not installed")
    try:
        said = subprocess.run(  # it prints a few lines and ends, within 10 ms
            [path, "-h"], capture_output=True, text=True, timeout=VERSION_LIMIT_S, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BrokerError(f"{path} -h does not say its version") from error
    match = re.search(r"mosquitto version (\S+)", said)
    if match is None:
        raise BrokerError(f"{path} -h does not say its version")
    if tuple(map(int, re.findall(r"\d+", match[1])[:2])) < OLDEST:
        raise BrokerError(f"mosquitto {match[1]} is too old; {'.'.join(map(str, OLDEST))} or newer is needed")
    return path, match[1]


@dataclass(frozen=True, slots=True)
class NativeMosquitto:
    kind: str = "mosquitto"
    protocol: str = "mqtt"
    origin: str = "native"
    mend: str = "sudo apt-get install mosquitto"

    def find(self) -> Found:
        try:
            return Found(available=True, detail=installed()[1])
        except BrokerError as error:
            return Found(available=False, detail=str(error))

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        path, version = installed()
        say(f"starting a private mosquitto {version}")
        for attempt in range(ATTEMPTS):
            (port,) = ports.free_ports(1)
            folder, password = new_folder("mosquitto"), secrets.token_urlsafe(24)
            address = MqttAddress(tls=False, host=ports.LOOPBACK, port=port, user=USER, password=password)
            async with supervised(
                "mosquitto",
                Command(argv=[path, "-c", str(folder / "mosquitto.conf")], env={}),
                files={
                    "mosquitto.conf": configuration(ports.LOOPBACK, port, str(folder)),
                    "passwords": password_line(password),
                },
                folder=folder,
                secret=password,
            ) as held:
                try:
                    await until_ready(partial(log_in, address), held.last_words, START_LIMIT_S)
                except BrokerError as error:
                    await held.until_heard()
                    if attempt + 1 < ATTEMPTS and any(map(PORT_TAKEN.search, held.tail)):
                        say("another process took its port meanwhile; starting it on another")
                        continue
                    raise BrokerError(
                        f"the private mosquitto did not start: {held.last_words() or error}"
                    ) from error
                held.forget()  # what it warned of at the start is not why it dies later
                yield Broker(
                    kind=self.kind,
                    origin=self.origin,
                    protocol=self.protocol,
                    version=version,
                    pids=held.pids,
                    most_cores=1.0,  # one thread
                    url=address.url,
                    watch=held.last_words,
                )
                return
