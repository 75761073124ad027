"""Opens the broker that was asked for, or the first of several that can be had, and says why that one."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING

from bench.brokers.choice import Choice
from bench.brokers.kinds import SCHEMES
from bench.brokers.origin import Broker
from bench.errors import BrokerError, WrongBrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.source import Say, Source
    from bench.client import Tls

ASKED = "it was asked for"


@asynccontextmanager
async def opened(spec: str, protocol: str, tls: Tls, say: Say) -> AsyncIterator[Broker]:
    """See ``open_broker``."""
    choice = Choice.parse(spec)
    choice.check(protocol)
    choice.check_tls(tls)
    async with AsyncExitStack() as stack:
        if protocol == "memory":
            broker = _in_process()
        elif choice.url is not None:
            broker = await _external(choice.url, tls, stack, say)
        else:
            broker = await _first(choice.sources(protocol), stack, say)
        yield broker


def _in_process() -> Broker:
    return Broker(
        kind="memory",
        origin="in-process",
        protocol="memory",
        version=metadata.version("mqbench"),
        why="the memory client needs no broker",
        url="memory://",
    )


async def _external(url: str, tls: Tls, stack: AsyncExitStack, say: Say) -> Broker:
    _, look_at = SCHEMES[url.partition("://")[0].lower()]
    return replace(await stack.enter_async_context(look_at(url, tls, say)), why=ASKED)


async def _first(sources: list[Source], stack: AsyncExitStack, say: Say) -> Broker:
    """The first source that gives a broker; raises BrokerError with the reason of each that does not."""
    passed = []
    for source in sources:
        name = f"{source.origin} {source.kind}"
        found = source.find()
        if not found.available:
            reason = f"{found.detail}; to mend it: {source.mend}"
            if len(sources) == 1:
                raise WrongBrokerError(f"no {name}: {reason}")
            passed.append((name, reason, found.detail))
            continue
        try:
            broker = await stack.enter_async_context(source.open(say))
        except BrokerError as error:
            if len(sources) > 1:
                say(f"no {name}: {error}")
            passed.append((name, str(error), str(error).partition("\n")[0]))
            continue
        return replace(broker, why=_why(sources, passed))
    if len(passed) == 1:
        name, reason, _ = passed[0]
        raise BrokerError(f"no {name}: {reason}")
    raise BrokerError(
        "no broker can be had:" + "".join(f"\n  {name}: {reason}" for name, reason, _ in passed)
    )


def _why(sources: list[Source], passed: list[tuple[str, str, str]]) -> str:
    """One sentence: what was to be tried, and why what comes before was not taken."""
    if len(sources) == 1:
        return ASKED
    order = f"first in the order {', '.join(f'{source.origin} {source.kind}' for source in sources)}"
    skipped = "; ".join(f"no {name} ({reason})" for name, _, reason in passed)
    return f"{order}: {skipped}" if skipped else order
