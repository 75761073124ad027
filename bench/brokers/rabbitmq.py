"""A private RabbitMQ node from the server that is installed, beside whatever node the system runs.

Everything that two nodes could share is its own: ports, node name, epmd, cookie, data, log, configuration.
"""

from __future__ import annotations

import re
import secrets
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.brokers import ports
from bench.brokers.address import Address
from bench.brokers.handshake import log_in
from bench.brokers.origin import Broker
from bench.brokers.readiness import until_ready
from bench.brokers.source import Found
from bench.brokers.supervised import Command, new_folder, supervised
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractAsyncContextManager

    from bench.brokers.source import Say
    from bench.brokers.supervised import Supervised

START_LIMIT_S = 60.0
# A running node stops within about 1 s; one that boots ignores the request, and has nothing to save.
GRACE_S = 2.0
ATTEMPTS = 3
TAIL_LINES = 10
OLDEST = (3, 8)  # the first whose boot honours all of the variables below
# An epmd that finds another on its port ends without a word.
PORT_TAKEN = re.compile(
    "eaddrinuse|already.in.use|port_already_used|epmd ended with exit code 0", re.IGNORECASE
)
LOGGED = re.compile(r"\[(?:warning|error|critical|alert|emergency)\] <[\d.]+>\s+(\S.*)")
# Where packages put it, besides PATH. Debian's command on PATH is a wrapper that changes the user or refuses;
# the server's own script, which works for every user, lies below /usr/lib/rabbitmq.
PLACES = (
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin",
    "/opt/rabbitmq/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
)
# Schedulers of Erlang that are out of work spin for a while before they sleep, which takes the cores of the
# clients beside them and is counted as the broker's CPU: one message at a time through RabbitMQ 3.10 cost it
# 116 us each without and 260 us with (Erlang's default, "medium"), at 2,000 and 1,700 messages a second on
# two shared cores. RabbitMQ's own script switches that off in the versions that we know; said here so that
# none differs. The distribution, which nobody uses, listens on loopback only.
ERLANG_FLAGS = "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """Where the server and the two programs of Erlang that it needs are."""

    server: Path
    version: str
    erl: Path
    epmd: Path

    @classmethod
    def find(cls) -> Installed:
        """Raises BrokerError with the reason why there is none that can be used."""
        server = next(_servers(), None)
        if server is None:
            raise BrokerError("rabbitmq-server is not installed")
        version = _version(server)
        numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
        if numbers and numbers < OLDEST:
            raise BrokerError(f"rabbitmq-server {version} is too old; 3.8 or newer is needed")
        if (erl := shutil.which("erl")) is None:
            raise BrokerError("Erlang's erl is not on PATH")
        # Next to erl, or in the runtime that erl belongs to: <root>/bin/erl, <root>/erts-<version>/bin/epmd.
        beside = Path(erl).with_name("epmd")
        runtimes = Path(erl).resolve().parent.parent.glob("erts-*/bin/epmd")
        epmd = next((path for path in (beside, *runtimes) if path.is_file()), None)
        if epmd is None:
            raise BrokerError("Erlang's epmd is not there")
        return cls(server=server, version=version, erl=Path(erl), epmd=epmd)


def _servers() -> Iterator[Path]:
    """The server scripts that run for every user, the one on PATH first."""
    if (on_path := shutil.which("rabbitmq-server")) is not None:
        script = Path(on_path).resolve()
        if script.name == "rabbitmq-server" and script.with_name("rabbitmq-env").is_file():  # not a wrapper
            yield script
    for pattern in PLACES:
        folders = sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
        yield from (path for path in (folder / "rabbitmq-server" for folder in folders) if path.is_file())


def _version(server: Path) -> str:
    """From the name of the broker's own plugin, such as rabbit-3.10.8, since asking would start Erlang."""
    names = [path.name.removesuffix(".ez") for path in server.parent.parent.glob("plugins/rabbit-[0-9]*")]
    return names[0].removeprefix("rabbit-") if names else "unknown version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The addresses of one node; every other name follows from its folder."""

    folder: Path
    port: int
    distribution_port: int
    epmd_port: int
    password: str = field(repr=False)

    @classmethod
    def fresh(cls) -> Node:
        port, distribution_port, epmd_port = ports.free_ports(3)
        return cls(
            folder=new_folder("rabbitmq"),
            port=port,
            distribution_port=distribution_port,
            epmd_port=epmd_port,
            password=secrets.token_urlsafe(24),
        )

    @property
    def address(self) -> Address:
        return Address(
            tls=False, host=ports.LOOPBACK, port=self.port, user="mqbench", password=self.password, vhost="/"
        )

    def files(self) -> dict[str, str]:
        settings = {
            "listeners.tcp.1": f"{ports.LOOPBACK}:{self.port}",
            "default_user": "mqbench",
            "default_pass": self.password,
            "log.file": "false",
            "log.console": "true",  # a pipe that we read: the last lines are the reason when it dies
            "log.console.level": "warning",
        }
        return {
            "rabbitmq.conf": "".join(f"{name} = {value}\n" for name, value in settings.items()),
            "advanced.config": "[].\n",
            "enabled_plugins": "[].\n",
        }

    def environment(self, installed: Installed) -> dict[str, str]:
        """Complete, and not on top of the caller's: RabbitMQ and Erlang read dozens of variables."""
        folder = self.folder
        return {
            "PATH": f"{installed.erl.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(folder),  # of the cookie
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": ports.LOOPBACK,
            "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",  # instead of /etc/rabbitmq/rabbitmq-env.conf
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(folder / "conf.d"),  # instead of /etc/rabbitmq/conf.d
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_NODENAME": f"{folder.name}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": ports.LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_FLAGS,
            # The script becomes the server instead of waiting for it: one process less, and its pid is known.
            "RUNNING_UNDER_SYSTEMD": "true",
        }


@dataclass(frozen=True, slots=True)
class NativeRabbitmq:
    kind: str = "rabbitmq"
    protocol: str = "amqp"
    origin: str = "native"
    mend: str = "sudo apt-get install rabbitmq-server"

    def find(self) -> Found:
        try:
            return Found(available=True, detail=Installed.find().version)
        except BrokerError as error:
            return Found(available=False, detail=str(error))

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        installed = Installed.find()
        say(f"starting a private RabbitMQ {installed.version}, which takes some seconds")
        for attempt in range(ATTEMPTS):
            node = Node.fresh()
            async with _processes(node, installed) as held:
                try:
                    server = await until_ready(partial(log_in, node.address), held.last_words, START_LIMIT_S)
                except BrokerError as error:
                    await held.until_heard()
                    if attempt + 1 < ATTEMPTS and any(map(PORT_TAKEN.search, [held.ended or "", *held.tail])):
                        say("another process took one of its ports meanwhile; starting it on others")
                        continue
                    raise BrokerError(_death(error, held)) from error
                held.forget()  # what it warned of at the start is not why it dies later
                yield Broker(
                    nodes=1,
                    kind=self.kind,
                    origin=self.origin,
                    protocol=self.protocol,
                    version=server.version,
                    pids=held.pids[-1:],  # not epmd, which only waits
                    url=node.address.url,
                    watch=lambda: _last_words(held),
                )
                return


def _processes(node: Node, installed: Installed) -> AbstractAsyncContextManager[Supervised]:
    env = node.environment(installed)
    return supervised(
        "rabbitmq",
        # In the foreground and ours, or the node would start one that is a daemon and outlives it.
        Command(argv=[str(installed.epmd)], env=env),
        Command(argv=[str(installed.server)], env=env),
        files=node.files(),
        folder=node.folder,
        secret=node.password,
        grace_s=GRACE_S,
    )


def _last_words(held: Supervised) -> str | None:
    """How the node ended and the last that it logged, if anything: warnings and errors, not its banner."""
    if (how := held.ended) is None:
        return None
    logged = [match[1] for match in map(LOGGED.search, held.tail) if match]
    return f"{how}; it last logged: {logged[-1]}" if logged else how


def _death(error: BrokerError, held: Supervised) -> str:
    tail = "".join(f"\n  {line}" for line in held.tail[-TAIL_LINES:])
    said = f"; the end of its log:{tail}" if tail else ""
    return f"the private RabbitMQ node did not start: {held.ended or error}{said}"
