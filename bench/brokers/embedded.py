"""Our own AMQP broker as a process beside the harness: a measuring stand for machines that have no other."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from bench.brokers.address import Address
from bench.brokers.handshake import log_in
from bench.brokers.origin import Broker
from bench.brokers.ports import LOOPBACK
from bench.brokers.source import Found
from bench.brokers.supervised import Command, supervised
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.source import Say

MODULE = "bench.brokers.amqp"
START_LIMIT_S = 20.0
USER = "guest"
ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class EmbeddedAmqp:
    kind: str = "mqbench-amqp"
    protocol: str = "amqp"
    origin: str = "embedded"
    mend: str = "pip install --force-reinstall mqbench"

    def find(self) -> Found:
        if importlib.util.find_spec(MODULE) is None:
            return Found(available=False, detail=f"{MODULE} is missing from this installation")
        return Found(available=True, detail=metadata.version("mqbench"))

    @asynccontextmanager
    async def open(self, say: Say) -> AsyncIterator[Broker]:
        password = secrets.token_urlsafe(24)
        argv = [sys.executable, "-m", MODULE, "--host", LOOPBACK, "--port", "0"]
        say("starting the embedded AMQP broker, a measuring stand of mqbench's own")
        async with supervised(
            "amqp", Command(argv=argv, env=_environment(password)), secret=password
        ) as held:
            try:
                greeting = json.loads(await held.next_line(START_LIMIT_S))
                address = replace(Address.parse(greeting["url"]), user=USER, password=password)
                version = f"{greeting['version']} on {greeting['loop']}"
                held.forget()  # a greeting is no last word
            except (ValueError, KeyError, TypeError) as error:
                await held.until_heard()
                said = "\n  ".join(held.tail)
                raise BrokerError(f"the embedded AMQP broker did not start; it said:\n  {said}") from error
            except BrokerError as error:
                raise BrokerError(f"the embedded AMQP broker did not start: {error}") from error
            await log_in(address)
            yield Broker(
                nodes=1,
                queue_types=("classic",),
                kind=self.kind,
                origin=self.origin,
                protocol=self.protocol,
                version=version,
                pids=held.pids,
                most_cores=1.0,  # one event loop
                url=address.url,
                watch=held.last_words,
            )


def _environment(password: str) -> dict[str, str]:
    """Ours, for a virtual environment's sake, with this very checkout first in the path."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "MQBENCH_AMQP_PASSWORD": password}
