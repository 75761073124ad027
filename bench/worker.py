"""The entry of a measured process: commands in, answers out, one JSON object a line on a private pipe.

Commands come on standard input. Answers go to what was standard output when the process began; from then
on standard output is standard error, so that a client that prints cannot break the protocol. End of input
means that the parent is gone: the worker ends too.

    -> {"do": "load", "adapter", "loop"}?  <- {"loaded": "asyncio"}: all that takes a processor and no broker
    -> {"do": "connect", "adapter", "loop", "url", "queues", "scenario", "limit_s", "tls"?, "role"?, "seed"?,
        "ordering"?, "meter"?}
    <- {"connected": {"declare_s", "connect_s", "join_s"}, "loop": "uvloop.Loop"}
    -> {"do": "warm-up"}           <- {"rate_per_s", "fewest", "account", "first_message_s"}
    -> {"do": "slice", "messages"} <- {"sample": {...}}
    -> {"do": "bytecodes"}         <- {"bytecodes": {FUNCTION: COUNT}}, of the last slice with that meter
    -> {"do": "close"}             <- {"closed": {"peak_rss_bytes"}}, and the process ends
    <- {"failed": SENTENCE, "kind": ERROR} to any of them, and the process ends

``seed`` is that of what is drawn: arrivals, sizes, times of work. ``ordering`` is that of the client that
sends, where another receives. In the role "send" or "receive" it is half a case, which
``bench.driver.halves`` drives by commands of its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

from bench.client import Target, Tls
from bench.counting import METERS, Bytecodes, settle
from bench.driver import Driver
from bench.driver.churn import Reconnecting
from bench.driver.halves import Receiver, Sender
from bench.driver.paced import PacedDriver
from bench.driver.paced_trips import PacedRequestDriver
from bench.driver.round_trips import RequestDriver
from bench.driver.sizing import Sizes
from bench.errors import BenchError, ClientFailedError, WorkerFailedError
from bench.gauges import peak_rss_bytes, raise_file_limit
from bench.loops import factory
from bench.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from bench.client import Client
    from bench.gauges import Gauges

Answer = dict[str, Any]

GRACE_S = 3.0
"""How long a worker may live on once its parent is gone; a parent that lives kills it after two seconds."""

ROLES: dict[str, type[Driver]] = {"both": Driver, "send": Sender, "receive": Receiver}
"""How a closed load is driven; any other has both halves in one worker."""


@cache
def load(adapter: str) -> Client:
    """The adapter of that name: a module of ``bench.clients``, or the path of somebody's own file."""
    if not adapter.endswith(".py"):
        module = import_module(f"bench.clients.{adapter}")
    else:
        spec = spec_from_file_location("adapter_under_test", adapter)
        if spec is None or spec.loader is None:
            raise WorkerFailedError(f"{adapter} cannot be loaded as a Python module")
        module = module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    client: Client = module.CLIENT
    return client


class Complaints(logging.Handler):
    """Errors that a client logs instead of raising reach the driver."""

    def __init__(self, fail: Callable[[Exception], None]) -> None:
        super().__init__(logging.ERROR)
        self._fail = fail

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        said = f": {describe(error)}" if error is not None else ""
        self._fail(ClientFailedError(f"{record.name} logged the error {record.getMessage()!r}{said}"))


def describe(error: BaseException) -> str:
    """One line for an exception; of a group, the first that is not one itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, BenchError):
        return str(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


class Worker:
    """Answers commands until ``close``, a failure or the end of input."""

    def __init__(self, commands: asyncio.Queue[Answer | None], answer: Callable[[Answer], None]) -> None:
        self._commands = commands
        self._answer = answer

    async def run(self, order: Answer, client: Client) -> None:
        scenario = Scenario.from_json(order["scenario"])
        client = Reconnecting(client) if scenario.churn else client
        clock = time.monotonic_ns
        with METERS[order.get("meter", "time")](clock) as gauges, ExitStack() as stack:
            driving: Callable[..., Driver] = ROLES[order.get("role", "both")]
            if scenario.load_model != "closed":
                driving = PacedRequestDriver if scenario.request_reply else PacedDriver
            elif scenario.request_reply:
                driving = RequestDriver
            driver = driving(
                client,
                Target.of(scenario, order["url"], Tls(**order.get("tls", {}))),
                scenario,
                order["queues"],
                clock=clock,
                gauges=gauges,
                limit_s=order["limit_s"],
                sizes=_sizes(scenario, client, order),
                seed=order.get("seed", 0),
            )
            stack.enter_context(listening(driver.watch.fail))
            async with driver.connected() as setup:
                kind = type(asyncio.get_running_loop())
                self._answer({"connected": asdict(setup), "loop": f"{kind.__module__}.{kind.__qualname__}"})
                await self._obey(driver, gauges)
        self._answer({"closed": {"peak_rss_bytes": peak_rss_bytes()}})

    async def _obey(self, driver: Driver, gauges: Gauges) -> None:
        while (command := await driver.watch.or_failure(self._commands.get())) is not None:
            match command["do"]:
                case "warm-up":
                    rate_per_s, account = await driver.warm_up()
                    self._answer(
                        {
                            "rate_per_s": rate_per_s,
                            "fewest": driver.fewest,
                            "account": asdict(account),
                            "first_message_s": driver.first_message_s,
                        }
                    )
                case "slice":
                    sample = await driver.slice(command["messages"])
                    self._answer({"sample": sample.to_json()})
                case "bytecodes" if isinstance(gauges, Bytecodes):
                    self._answer({"bytecodes": gauges.counts()})
                case "close":
                    return
                case _ if isinstance(driver, Sender | Receiver):
                    self._answer(await driver.obey(command))
                case unknown:
                    raise WorkerFailedError(f"the worker does not know the command {unknown!r}")


def _sizes(scenario: Scenario, client: Client, order: Answer) -> Sizes | None:
    if scenario.payload_mix is None:
        return None
    own = client.abilities.ordering if scenario.churn else order.get("ordering", client.abilities.ordering)
    return Sizes(
        scenario.payload_mix,
        seed=order.get("seed", 0),
        producers=scenario.producers,
        lanes=scenario.in_flight if own == "lane" else 1,
    )


class listening:  # noqa: N801  # a context manager reads as a verb
    """While entered, unheard errors of tasks and error logs go to ``fail``."""

    def __init__(self, fail: Callable[[Exception], None]) -> None:
        self._fail = fail
        self._complaints = Complaints(fail)

    def __enter__(self) -> None:
        logging.getLogger().addHandler(self._complaints)
        asyncio.get_running_loop().set_exception_handler(self._unheard)

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().set_exception_handler(None)
        logging.getLogger().removeHandler(self._complaints)

    def _unheard(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        said = describe(error) if error is not None else "no exception was given"
        self._fail(ClientFailedError(f"the client failed in the background ({context['message']}): {said}"))


def serve(lines: TextIO, answer: Callable[[Answer], None]) -> None:
    """Reads the command to connect, makes the loop that it names, and serves the rest on it."""
    loop = None
    try:
        if (order := _first(lines, answer)) is None:
            return
        client = load(order["adapter"])
        loop = factory(order["loop"])()
        if order.get("meter", "time") != "time":
            settle(loop)
        asyncio.set_event_loop(loop)
        commands: asyncio.Queue[Answer | None] = asyncio.Queue()
        threading.Thread(target=_read, args=(lines, loop, commands), daemon=True, name="commands").start()
        loop.run_until_complete(Worker(commands, answer).run(order, client))
    except BaseException as error:  # noqa: BLE001  # whatever it is, the parent is told, and the process ends
        leaf: BaseException = error
        while isinstance(leaf, BaseExceptionGroup):
            leaf = leaf.exceptions[0]
        kind = type(leaf).__name__ if isinstance(leaf, BenchError) else "ClientFailedError"
        answer({"failed": describe(leaf), "kind": kind})


def _first(lines: TextIO, answer: Callable[[Answer], None]) -> Answer | None:
    """The command to connect; one before it only loads what that needs, while other workers do so too."""
    for line in lines:
        order: Answer = json.loads(line)
        if order["do"] != "load":
            return order
        load(order["adapter"])
        factory(order["loop"])
        answer({"loaded": order["loop"]})
    return None


def _read(lines: TextIO, loop: asyncio.AbstractEventLoop, commands: asyncio.Queue[Answer | None]) -> None:
    """In a thread of its own: not every loop can watch a pipe, and a thread that waits costs nothing.

    A loop that is too busy to hear of the end, as with a client that hangs, is ended here.
    """
    for line in lines:
        loop.call_soon_threadsafe(commands.put_nowait, json.loads(line))
    loop.call_soon_threadsafe(commands.put_nowait, None)
    time.sleep(GRACE_S)
    os._exit(1)


def _write(private: TextIO, answer: Answer) -> None:
    private.write(json.dumps(answer) + "\n")
    private.flush()


def main() -> None:
    raise_file_limit()
    private = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.basicConfig(level=logging.ERROR, handlers=[logging.NullHandler()])
    with private:
        serve(sys.stdin, lambda answer: _write(private, answer))
        os._exit(0)  # neither a loop's remains nor a client's threads may keep a finished worker alive


if __name__ == "__main__":
    main()
