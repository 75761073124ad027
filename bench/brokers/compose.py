"""A broker as a service of docker-compose.yml: a project of its own, on a loopback port that is free."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.brokers.address import Address
from bench.brokers.docker_engine import docker_client
from bench.brokers.handshake import log_in
from bench.brokers.origin import Broker
from bench.brokers.ports import LOOPBACK, refusal
from bench.brokers.readiness import until_ready
from bench.brokers.source import Found
from bench.brokers.supervised import Command, supervised
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bench.brokers.source import Say

COMPOSE_FILE = Path(__file__).parent.parent.parent / "docker-compose.yml"
UP_LIMIT_S = 600.0  # the first time, the image comes over the network
PORT_LIMIT_S = 30.0
READY_LIMIT_S = 60.0
USER = "mqbench"
MOST_CPUS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeService:
    """A service of the file that speaks AMQP; ``kind`` is its name there."""

    kind: str
    protocol: str
    container_port: int
    origin: str = "docker"
    mend: str = "https://docs.docker.com/engine/install/"

    def find(self) -> Found:
        try:
            _compose_file()
            docker_client()
        except BrokerError as error:
            return Found(available=False, detail=str(error))
        return Found(available=True, detail=image_of(self.kind))

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        async with composed(self.kind, self.container_port, say) as (port, password):
            address = Address(tls=False, host=LOOPBACK, port=port, user=USER, password=password, vhost="/")
            server = await until_ready(partial(log_in, address), lambda: None, READY_LIMIT_S)
            yield Broker(
                nodes=1,
                kind=self.kind,
                origin=self.origin,
                protocol=self.protocol,
                version=server.version,
                url=address.url,
                watch=lambda: refusal(LOOPBACK, port),
            )


@asynccontextmanager
async def composed(service: str, container_port: int, say: Say) -> AsyncIterator[tuple[int, str]]:
    """A healthy service of any protocol: its port on loopback, and the password of ``USER``."""
    password = secrets.token_urlsafe(24)
    project = Project.fresh(password)
    say(f"starting {image_of(service)} with docker compose; the first time its image is downloaded")
    # Runs nothing but the promise to take everything down, which is kept even if we are killed.
    async with supervised("docker", closing=[project.command("down", "--volumes", "--timeout", "2")]):
        await project.run("up", "--detach", "--wait", service, limit_s=UP_LIMIT_S)
        yield _port(await project.run("port", service, str(container_port), limit_s=PORT_LIMIT_S)), password


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Commands to ``docker compose`` that concern one set of containers, ours."""

    client: str
    name: str
    file: Path
    env: dict[str, str] = field(repr=False)

    @classmethod
    def fresh(cls, password: str) -> Project:
        return cls(
            client=docker_client(),
            name=f"mqbench-{secrets.token_hex(6)}",
            file=_compose_file(),
            env={
                **os.environ,
                "MQBENCH_BROKER_PORT": "0",  # any that is free
                "MQBENCH_BROKER_USER": USER,
                "MQBENCH_BROKER_PASSWORD": password,
                # Docker refuses a limit of more cores than there are.
                "MQBENCH_BROKER_CPUS": str(min(MOST_CPUS, os.cpu_count() or 1)),
            },
        )

    def command(self, *words: str) -> Command:
        start = (self.client, "compose", "--project-name", self.name, "--file", str(self.file))
        return Command(argv=[*start, *words], env=self.env)

    async def run(self, *words: str, limit_s: float) -> Sequence[str]:
        """The lines that it prints; raises BrokerError with the last of them when it fails."""
        async with supervised("compose", self.command(*words)) as held:
            await held.until_over(limit_s)
            if held.exit_code != 0:
                what = f"docker compose {words[0]}"
                raise BrokerError(f"{what} failed: {'; '.join(held.tail[-3:]) or held.ended}")
            return held.tail


def _compose_file() -> Path:
    if not COMPOSE_FILE.is_file():
        raise BrokerError(
            "docker-compose.yml is not part of this installation; run from a checkout of mqbench"
        )
    return COMPOSE_FILE


def _port(lines: Sequence[str]) -> int:
    """From a line such as ``127.0.0.1:49153``, among which there may be warnings."""
    found = [match[1] for match in map(re.compile(r":([1-9]\d*)$").search, lines) if match]
    if not found:
        raise BrokerError(f"docker compose port named no port, but: {'; '.join(lines[-3:]) or 'nothing'}")
    return int(found[-1])


def image_of(service: str) -> str:
    """Such as ``rabbitmq:4.2.9``. Reads the one line, for which YAML needs no parser and we no dependency."""
    match = re.search(
        rf"^  {service}:\n(?:    .*\n)*?    image: (\S+)$", _compose_file().read_text("utf-8"), re.MULTILINE
    )
    if match is None:
        raise BrokerError(f"docker-compose.yml has no service {service}")
    return match[1]
