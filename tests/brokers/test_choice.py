"""What can be asked for, what is tried for it and in which order, and why it was that one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bench.brokers import Broker, choice, kinds, list_brokers, open_broker
from bench.brokers.source import Found
from bench.errors import BrokerError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from bench.brokers.source import Say


@dataclass(frozen=True)
class Pretended:
    """A source without a broker behind it."""

    origin: str
    kind: str = "rabbitmq"
    protocol: str = "amqp"
    mend: str = "get it"
    missing: str = ""
    failure: str = ""

    def find(self) -> Found:
        return Found(available=not self.missing, detail=self.missing or "1.0")

    def open(self, say: Say) -> AbstractAsyncContextManager[Broker]:
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Broker]:
        if self.failure:
            raise BrokerError(self.failure)
        yield Broker(
            kind=self.kind, origin=self.origin, protocol=self.protocol, version="1.0", url="amqp://h/"
        )


def pretend(monkeypatch: pytest.MonkeyPatch, *sources: Pretended) -> None:
    monkeypatch.setattr(choice, "SOURCES", sources)
    monkeypatch.setattr(kinds, "SOURCES", sources)


async def got(spec: str, protocol: str = "amqp") -> tuple[Broker, list[str]]:
    said: list[str] = []
    async with open_broker(spec, protocol, say=said.append) as broker:
        return broker, said


async def test_auto_prefers_native_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, Pretended("embedded"), Pretended("docker"), Pretended("native"))
    broker, said = await got("auto")
    assert (broker.origin, broker.why, said) == (
        "native",
        "first in the order native rabbitmq, docker rabbitmq, embedded rabbitmq",
        [],
    )


async def test_auto_says_why_what_it_prefers_was_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(
        monkeypatch,
        Pretended("native", missing="not installed"),
        Pretended("docker", failure="no engine\nand much more"),
        Pretended("embedded", kind="ours"),
    )
    broker, said = await got("auto")
    assert broker.origin == "embedded"
    assert broker.why == (
        "first in the order native rabbitmq, docker rabbitmq, embedded ours: "
        "no native rabbitmq (not installed); no docker rabbitmq (no engine)"
    )
    assert said == ["no docker rabbitmq: no engine\nand much more"]


async def test_a_kind_is_tried_native_and_then_with_docker_only(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(
        monkeypatch,
        Pretended("native", missing="not installed"),
        Pretended("docker", missing="no engine"),
        Pretended("embedded", kind="ours"),
    )
    with pytest.raises(BrokerError) as caught:
        await got("rabbitmq")
    assert str(caught.value) == (
        "no broker can be had:\n"
        "  native rabbitmq: not installed; to mend it: get it\n"
        "  docker rabbitmq: no engine; to mend it: get it"
    )
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("spec", ["native", "native:rabbitmq"])
async def test_what_was_asked_for_is_never_replaced(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, Pretended("native", missing="not installed"), Pretended("docker"))
    with pytest.raises(BrokerError, match=r"^no native rabbitmq: not installed; to mend it: get it$") as told:
        await got(spec)
    assert told.value.exit_code == 2
    assert (await got("docker"))[0].why == "it was asked for"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("natvie", "no broker 'natvie'; did you mean 'native'?"),
        ("rabitmq", "no broker 'rabitmq'; did you mean 'rabbitmq'?"),
        ("doker:rabbitmq", "no broker origin 'doker'; did you mean 'docker'?"),
        ("native:rabbit", "no broker 'rabbit'; did you mean 'rabbitmq'?"),
        ("amq://host", "no broker URL scheme 'amq'; did you mean 'amqp'?"),
        ("", "no broker ''"),
    ],
)
async def test_an_unknown_broker_is_said_with_the_nearest_name(spec: str, words: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        await got(spec)
    assert words in str(caught.value)


async def test_a_kind_that_has_no_such_origin_says_which_it_has() -> None:
    with pytest.raises(UsageError, match="rabbitmq cannot be had embedded; it can be had: native, docker"):
        await got("embedded:rabbitmq")


async def test_an_address_without_a_scheme_is_refused_without_its_password() -> None:
    with pytest.raises(
        UsageError, match=r"'…@host:5672' is not a broker; a URL starts with amqp://"
    ) as caught:
        await got("me:s3cret@host:5672")
    assert "s3cret" not in str(caught.value)


async def test_a_kind_of_another_protocol_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, Pretended("native"), Pretended("native", kind="mosquitto", protocol="mqtt"))
    with pytest.raises(UsageError, match="mosquitto speaks mqtt, and the client amqp"):
        await got("mosquitto")
    with pytest.raises(UsageError, match="no broker for protocol mqtt can be had docker"):
        await got("docker", "mqtt")
    with pytest.raises(UnknownNameError, match="'kafka'; there are: amqp, mqtt"):
        await got("auto", "kafka")
    assert (await got("auto", "mqtt"))[0].kind == "mosquitto"


@pytest.mark.parametrize("spec", ["auto", "native", "amqp://host/"])
async def test_the_memory_client_needs_no_broker_whatever_is_asked_for(spec: str) -> None:
    broker, _ = await got(spec, "memory")
    assert (broker.kind, broker.origin, broker.url) == ("memory", "in-process", "memory://")
    assert broker.last_words() is None


def test_the_list_names_every_source_once_and_starts_nothing() -> None:
    start = time.perf_counter()
    listed = list_brokers()
    took_s = time.perf_counter() - start
    assert len(listed) == len(kinds.SOURCES)
    assert [kinds.ORIGINS.index(one.origin) for one in listed] == sorted(
        kinds.ORIGINS.index(source.origin) for source in kinds.SOURCES
    )
    assert [(one.origin, one.kind, one.protocol) for one in listed if one.protocol == "amqp"] == [
        ("native", "rabbitmq", "amqp"),
        ("docker", "rabbitmq", "amqp"),
        ("embedded", "mqbench-amqp", "amqp"),
    ]
    assert all(one.detail and one.mend for one in listed)
    assert took_s < 2  # starting Erlang or an engine's client would take longer than that many times


def test_the_package_alone_imports_none_of_what_it_starts() -> None:
    code = "import sys, bench.brokers; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(printed.split()) & {"asyncio", "pamqp", "psutil", "ssl"} == set()
