"""librdkafka's mock cluster as a process beside the harness: a measuring stand, and no Kafka.

It makes any topic that it is asked about, with four partitions, deletes none, and forgets the oldest messages
of a partition that holds more than 5 MiB. A fetch that finds nothing is answered only when its wait is over.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from bench.brokers.kafka.address import KafkaAddress
from bench.brokers.kafka.metadata import until_ready
from bench.brokers.origin import Broker
from bench.brokers.source import Found
from bench.brokers.supervised import Command, supervised
from bench.errors import BrokerError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.source import Say

LIBRARY = "confluent_kafka"
START_LIMIT_S = 20.0
ROOT = Path(__file__).parent.parent.parent.parent


@dataclass(frozen=True, slots=True)
class LibrdkafkaMock:
    kind: str = "librdkafka-mock"
    protocol: str = "kafka"
    origin: str = "embedded"
    mend: str = "pip install confluent-kafka"

    def find(self) -> Found:
        if importlib.util.find_spec(LIBRARY) is None:
            return Found(available=False, detail="confluent-kafka is not installed")
        return Found(available=True, detail=f"in confluent-kafka {metadata.version('confluent-kafka')}")

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        say("starting librdkafka's mock cluster, a measuring stand and no Kafka")
        argv = [sys.executable, "-m", "bench.brokers.kafka"]
        # Ours, for a virtual environment's sake, with this very checkout first in the path.
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        async with supervised(
            "librdkafka", Command(argv=argv, env={**os.environ, "PYTHONPATH": path})
        ) as held:
            try:
                greeting = json.loads(await held.next_line(START_LIMIT_S))
                address, version = KafkaAddress.parse(greeting["url"]), str(greeting["version"])
                held.forget()  # a greeting is no last word
                await until_ready(address, held.last_words, START_LIMIT_S)
            except (ValueError, KeyError, TypeError, BrokerError, UsageError) as error:
                await held.until_heard()
                said = "".join(f"\n  {line}" for line in held.tail) or f" {error}"
                raise BrokerError(f"librdkafka's mock cluster did not start; it said:{said}") from error
            yield Broker(
                nodes=1,
                kind=self.kind,
                origin=self.origin,
                protocol=self.protocol,
                version=version,
                pids=held.pids,
                url=address.url,
                watch=held.last_words,
            )
