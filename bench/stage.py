"""A run folder with its brokers, held open while one plan or several are carried out in it."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from bench import resuming, sameplan
from bench.brokers import open_broker
from bench.client import NO_FILES, Tls
from bench.engine.local import LocalEngine
from bench.errors import BrokerError
from bench.machine import fingerprint
from bench.results import Recorder
from bench.runner import Runner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from pathlib import Path

    from bench.brokers import Broker
    from bench.environments import Environment
    from bench.machine import Fingerprint
    from bench.plan import Plan
    from bench.resuming import Begun
    from bench.runner import More, Outcome, Progress

    Say = Callable[[str], None]
    Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where plans are carried out; ``brokers`` are by protocol. Case numbers must differ between plans."""

    recorder: Recorder
    brokers: Mapping[str, Broker]
    machine: Fingerprint
    tls: Tls
    tell: Tell
    began_ns: int
    begun: Begun | None = None

    async def carry_out(
        self,
        planned: Plan,
        environments: Mapping[int, Environment],
        consumers: Mapping[int, Environment],
        more: More | None = None,
    ) -> Outcome:
        """Every round of a plan, and those that ``more`` asks for.

        Raises BrokerError where a broker is gone, with the rows so far written.
        """
        runner = Runner(
            planned,
            engine=LocalEngine(),
            brokers=self.brokers,
            environments=environments,
            consumers=consumers,
            recorder=self.recorder,
            tell=self.tell,
            usable_cores=self.machine.usable_cores,
            tls=self.tls,
            began_ns=self.began_ns,
            begun=self.begun,
        )
        try:
            return await runner.run(more)
        except BrokerError as error:
            self.recorder.note(outcome=str(error))
            raise


@asynccontextmanager
async def opened(
    folder: Path,
    protocols: Iterable[str],
    *,
    broker: str,
    facts: Mapping[str, Any],
    say: Say,
    tell: Tell,
    tls: Tls = NO_FILES,
    begun: Begun | None = None,
) -> AsyncIterator[Stage]:
    """Makes the folder, whose run.json has these ``facts`` too, and has a broker for each protocol.

    What was ``begun`` there stays as it is unless all agrees: these facts, the machine and the brokers.
    """
    machine = fingerprint()
    facts = {
        "mqbench_version": metadata.version("mqbench"),
        **facts,
        "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "fingerprint": machine.to_json(),
    }
    async with AsyncExitStack() as stack:
        if begun is None:
            recorder = stack.enter_context(Recorder.opened(folder, facts))
        else:
            sameplan.agree(begun, facts)
        brokers: dict[str, Broker] = {}
        for protocol in dict.fromkeys(protocols):
            found = await stack.enter_async_context(open_broker(broker, protocol, tls=tls, say=say))
            brokers[protocol] = found
            say(f"broker: {found.origin} {found.kind} {found.version}: {found.why}")
        told = {name: described(one) for name, one in brokers.items()}
        began_ns = time.monotonic_ns()
        if begun is None:
            recorder.note(began_at_s=round(time.time(), 3))
        else:
            sameplan.agree_where(begun, machine.to_json(), told)
            recorder = stack.enter_context(resuming.gone_on(begun))
            began_ns = begun.began_ns()
            say(f"{folder} goes on: {len(begun.rows)} rows stay, {begun.dropped} were interrupted")
        recorder.note(brokers=told)
        yield Stage(
            recorder=recorder,
            brokers=brokers,
            machine=machine,
            tls=tls,
            tell=tell,
            began_ns=began_ns,
            begun=begun,
        )


def described(broker: Broker) -> dict[str, str]:
    """A broker as it may be stored: without credentials."""
    return {
        "kind": broker.kind,
        "origin": broker.origin,
        "version": broker.version,
        "url": broker.shown_url,
        "why": broker.why,
    }
