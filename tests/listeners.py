"""Brokers that listen for TLS: a proxy that ends it in front of a plain one, or the broker's own listener."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from papers import HOST, Authority, Papers

from bench.brokers import ListedBroker, list_brokers, open_broker
from bench.brokers.kafka.address import KafkaAddress, Server
from bench.brokers.kafka.apache import command, settings
from bench.brokers.kafka.jars import Installed
from bench.brokers.kafka.metadata import until_ready
from bench.brokers.nats import log_in
from bench.brokers.nats_server import EMBEDDED_NATS, NATIVE_NATS, RECIPE
from bench.brokers.ports import free_ports
from bench.brokers.private import private
from bench.brokers.supervised import Supervised, supervised
from bench.brokers.textual import TextAddress
from bench.client import Tls

SECURE = {"amqp": "amqps", "mqtt": "mqtts", "redis": "rediss"}
# The first that is here is taken; RabbitMQ would take longer to start than all these tests.
ORDER = {"amqp": ("embedded",), "kafka": ("native",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """One broker, two listeners: ``demanding`` wants a certificate of its clients, too."""

    url: str = field(repr=False)
    demanding: str = field(repr=False)


def listed(protocol: str) -> ListedBroker:
    """The broker of this machine that is used, or one that is not available."""
    origins = ORDER.get(protocol, ("native", "embedded"))
    found = [each for each in list_brokers() if each.protocol == protocol and each.origin in origins]
    return next((each for each in found if each.available), found[0])


@asynccontextmanager
async def listening(broker: ListedBroker, authority: Authority) -> AsyncIterator[Listening]:
    server = authority.certify(f"server-{broker.protocol}")
    if broker.protocol in OWN:
        async with OWN[broker.protocol](server, authority) as (url, demanding):
            yield Listening(url=url, demanding=demanding)
        return
    async with (
        open_broker(f"{broker.origin}:{broker.kind}", broker.protocol) as plain,
        ended(plain.url, server_context(server)) as url,
        ended(plain.url, server_context(server, authority)) as demanding,
    ):
        yield Listening(url=url, demanding=demanding)


def server_context(server: Papers, clients: Authority | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    if clients is not None:
        context.load_verify_locations(clients.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def ended(url: str, context: ssl.SSLContext) -> AsyncIterator[str]:
    """A listener that ends TLS in front of the broker at ``url``; its URL has the scheme for it."""
    parts = urlsplit(url)
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with contextlib.suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection(parts.hostname, parts.port)
            await asyncio.gather(passed_on(reader, inner_writer), passed_on(inner_reader, writer))

    listener = await asyncio.start_server(serve, HOST, 0, ssl=context)
    login, at, _ = parts.netloc.rpartition("@")
    port = listener.sockets[0].getsockname()[1]
    try:
        yield parts._replace(scheme=SECURE[parts.scheme], netloc=f"{login}{at}{HOST}:{port}").geturl()
    finally:
        listener.close()
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side hangs up; then the other is hung up on."""
    try:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def nats(server: Papers, authority: Authority) -> AsyncIterator[tuple[str, str]]:
    """Two servers, since NATS begins TLS itself, after a greeting: nothing in front of it can."""
    program = (NATIVE_NATS if NATIVE_NATS.find().available else EMBEDDED_NATS).program()
    client = authority.certify("prober")
    ours = Tls(ca=str(authority.ca), certificate=str(client.certificate), key=str(client.key))
    tls = {
        "cert_file": str(server.certificate),
        "key_file": str(server.key),
        "ca_file": str(authority.ca),
    }

    def recipe(*, verify: bool) -> AbstractAsyncContextManager[tuple[TextAddress, str, Supervised]]:
        def configuration(address: TextAddress, folder: Path) -> str:
            plain = json.loads(RECIPE.configuration(address, folder))
            return json.dumps({**plain, "tls": {**tls, "verify": verify}})

        async def version(address: TextAddress, limit_s: float) -> str:
            return (await log_in(replace(address, tls=True), ours, limit_s=limit_s)).version

        return private(replace(RECIPE, configuration=configuration, version=version), program, lambda _: None)

    async with recipe(verify=False) as (one, *_), recipe(verify=True) as (other, *_):
        yield replace(one, tls=True).url, replace(other, tls=True).url


@asynccontextmanager
async def kafka(server: Papers, authority: Authority) -> AsyncIterator[tuple[str, str]]:
    """A node with listeners of its own, since it tells clients where to go on to."""
    plain, controller, *secure = free_ports(4)
    names = {"SSL": secure[0], "DEMANDING": secure[1], "PLAINTEXT": plain}
    advertised = ",".join(f"{name}://{HOST}:{port}" for name, port in names.items())
    more = {
        "listeners": f"{advertised},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": advertised,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,DEMANDING:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(server.both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.ca),
        "listener.name.demanding.ssl.client.auth": "required",
    }
    text = settings(plain, controller) + "".join(f"{name}={value}\n" for name, value in more.items())
    async with supervised("kafka", command(Installed.find()), files={"server.properties": text}) as held:
        await until_ready(KafkaAddress((Server(host=HOST, port=plain),)), held.last_words, 60)
        yield f"kafka+ssl://{HOST}:{secure[0]}", f"kafka+ssl://{HOST}:{secure[1]}"


OWN = {"nats": nats, "kafka": kafka}
