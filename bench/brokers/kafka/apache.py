"""A private Apache Kafka of one node, broker and controller in one (KRaft), from the jars of this machine."""

from __future__ import annotations

import base64
import re
import shlex
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.brokers import ports
from bench.brokers.kafka.address import KafkaAddress, Server
from bench.brokers.kafka.jars import Installed
from bench.brokers.kafka.metadata import until_ready
from bench.brokers.origin import Broker
from bench.brokers.source import Found
from bench.brokers.supervised import Command, supervised
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.source import Say

START_LIMIT_S = 60.0
ATTEMPTS = 3
TAIL_LINES = 10
FRAME = "\tat "  # of a stack trace
PORT_TAKEN = re.compile("address already in use", re.IGNORECASE)
# A heap of one size is not grown in the middle of a measurement.
JAVA_FLAGS = ("-Xms512m", "-Xmx512m", "-XX:+UseG1GC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "offsets.topic.num.partitions": "1",  # of 50, each group would use one
    "group.initial.rebalance.delay.ms": "0",  # nobody else is to come
    "log.segment.delete.delay.ms": "1000",  # of 60 s: the disk must not fill with the topics of former cases
}


def settings(port: int, controller_port: int) -> str:
    """The text of server.properties; paths are relative to its folder, in which the node runs."""
    own = {
        "controller.quorum.voters": f"1@{ports.LOOPBACK}:{controller_port}",
        "listeners": f"PLAINTEXT://{ports.LOOPBACK}:{port},CONTROLLER://{ports.LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{ports.LOOPBACK}:{port}",
        "log.dirs": "data",
    }
    return "".join(f"{name}={value}\n" for name, value in {**SETTINGS, **own}.items())


def command(installed: Installed) -> Command:
    """Formats the data folder, then becomes the node."""
    java = shlex.join([installed.java, *JAVA_FLAGS, "-cp", f"{installed.jars}/*"])
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # An id that began with a dash would be taken for an option.
    format_it = f"{java} kafka.tools.StorageTool format --cluster-id={cluster} --config server.properties"
    run_it = f"exec {java} kafka.Kafka server.properties"
    script = f"{format_it} >format.log 2>&1 || {{ cat format.log; exit 1; }}; {run_it}"
    return Command(
        argv=["/bin/sh", "-c", script], env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    )


@dataclass(frozen=True, slots=True)
class NativeKafka:
    kind: str = "kafka"
    protocol: str = "kafka"
    origin: str = "native"
    mend: str = "scripts/kafka-jars"

    def find(self) -> Found:
        try:
            return Found(available=True, detail=Installed.find().version)
        except BrokerError as error:
            return Found(available=False, detail=str(error))

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        installed = Installed.find()
        say(f"starting a private Apache Kafka {installed.version}, which takes some seconds")
        for attempt in range(ATTEMPTS):
            port, controller_port = ports.free_ports(2)
            address = KafkaAddress((Server(host=ports.LOOPBACK, port=port),))
            files = {"server.properties": settings(port, controller_port)}
            async with supervised("kafka", command(installed), files=files) as held:
                try:
                    await until_ready(address, held.last_words, START_LIMIT_S)
                except BrokerError as error:
                    await held.until_heard()
                    if attempt + 1 < ATTEMPTS and any(map(PORT_TAKEN.search, held.tail)):
                        say("another process took one of its ports meanwhile; starting it on others")
                        continue
                    spoken = [line for line in held.tail if not line.startswith(FRAME)]
                    tail = "".join(f"\n  {line}" for line in spoken[-TAIL_LINES:])
                    said = f"; the end of its log:{tail}" if tail else ""
                    raise BrokerError(
                        f"the private Apache Kafka did not start: {held.ended or error}{said}"
                    ) from error
                held.forget()  # what it warned of at the start is not why it dies later
                yield Broker(
                    nodes=1,
                    kind=self.kind,
                    origin=self.origin,
                    protocol=self.protocol,
                    version=installed.version,
                    pids=held.pids,
                    url=address.url,
                    watch=held.last_words,
                )
                return
