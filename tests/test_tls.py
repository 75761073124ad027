"""TLS by the URL's scheme: whom it trusts, whom it refuses, and every client of every protocol over it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NoReturn

import pytest
from contract.aside import aside
from contract.contract import queue_names
from listeners import Listening, ended, listed, listening, server_context
from papers import Authority

from bench import catalogue, environments
from bench.brokers import ListedBroker, check_spec, open_broker
from bench.brokers.kinds import SCHEMES, TLS_SCHEMES
from bench.client import Tls
from bench.engine import WorkerHandle
from bench.engine.local import LocalEngine
from bench.errors import BenchError, BrokerError, EngineError, UsageError
from bench.loops import LOOPS
from bench.payload import Account
from bench.scenario import Scenario
from bench.session import shown_command

Command = Callable[..., "CompletedProcess[str]"]
LIMIT_S = 20.0
ROOT = Path(__file__).parent.parent
PROTOCOLS = ("amqp", "mqtt", "nats", "redis", "kafka")
CLIENTS = sorted(
    (entry for entry in catalogue.clients().values() if entry.abilities.protocol in PROTOCOLS),
    key=lambda entry: PROTOCOLS.index(entry.abilities.protocol),
)
# What the brokers that speak MQTT 3.1.1 have for a prefetch.
SCENARIO = Scenario(in_flight=10, prefetch=100, warmup_s=0.05, measure_s=0.1)


def excused(reason: str) -> NoReturn:
    """Skips; where CI installs everything, a skip is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI must have it)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="session")
def authority(folder: Path) -> Authority:
    return Authority(folder, "throw-away")


@pytest.fixture(scope="session")
def stranger(folder: Path) -> Authority:
    return Authority(folder, "somebody-elses")


@pytest.fixture(scope="session")
def ours(authority: Authority) -> Tls:
    """With a certificate of ours."""
    papers = authority.certify("client")
    return Tls(ca=str(authority.ca), certificate=str(papers.certificate), key=str(papers.key))


@pytest.fixture(scope="session")
def secured(authority: Authority) -> Iterator[Callable[[str], Listening]]:
    """The broker of a protocol; skips where the machine has none. All start at once: Kafka takes long."""
    brokers = {protocol: listed(protocol) for protocol in PROTOCOLS}
    with ExitStack() as stack, ThreadPoolExecutor() as pool:

        def opened(broker: ListedBroker) -> Listening:
            return stack.enter_context(aside(listening(broker, authority)))[0]

        opening = {name: pool.submit(opened, each) for name, each in brokers.items() if each.available}

        def of(protocol: str) -> Listening:
            if protocol not in opening:
                broker = brokers[protocol]
                excused(f"no {broker.origin} {broker.kind}: {broker.detail}")
            return opening[protocol].result()

        yield of


@asynccontextmanager
async def worker(entry: catalogue.ClientEntry, loop: str = "asyncio") -> AsyncIterator[WorkerHandle]:
    """A worker in the environment that the client needs."""
    wanted = environments.Wanted(client=entry.name, entry=entry, loop=loop, python=environments.our_python())
    async with AsyncExitStack() as stack:
        try:
            ready = await stack.enter_async_context(environments.prepared([wanted], say=lambda _: None))
        except BenchError as error:
            excused(f"no environment for {entry.name}: {error}")
        variables = {"PYTHONPATH": ready[wanted].bench_path}
        yield await stack.enter_async_context(LocalEngine().worker(ready[wanted].python, variables))


async def delivered(entry: catalogue.ClientEntry, url: str, tls: Tls, loop: str = "asyncio") -> int:
    """How many of 200 messages came as they should."""
    async with worker(entry, loop) as handle:
        await handle.ask(connecting(entry, url, tls, loop), LIMIT_S)
        sample = (await handle.ask({"do": "slice", "messages": 200}, LIMIT_S))["sample"]
        await handle.ask({"do": "close"}, LIMIT_S)
    account = Account(**sample["account"])
    assert account == Account(received=account.received)
    return account.received


def connecting(entry: catalogue.ClientEntry, url: str, tls: Tls, loop: str = "asyncio") -> dict[str, Any]:
    return {
        "do": "connect",
        "adapter": entry.adapter,
        "loop": loop,
        "url": url,
        "queues": queue_names(1),
        "scenario": SCENARIO.to_json(),
        "limit_s": 5.0,
        "tls": asdict(tls),
    }


@pytest.fixture(scope="session")
def files(folder: Path, authority: Authority, stranger: Authority) -> dict[str, Path]:
    papers, others = authority.certify("somebody"), stranger.certify("another")
    locked = authority.certify("locked", passphrase="secret-word")
    (folder / "text.pem").write_text("no certificate")
    (folder / "empty.pem").touch()
    return {
        "ca": authority.ca,
        "certificate": papers.certificate,
        "key": papers.key,
        "other": others.key,
        "locked": locked.key,
        "text": folder / "text.pem",
        "empty": folder / "empty.pem",
        "missing": folder / "missing.pem",
        "folder": folder,
    }


class TestFiles:
    @pytest.mark.parametrize(
        ("given", "url", "words"),
        [
            ({"ca": "missing"}, "amqps://h/", "--tls-ca '{missing}' cannot be read (no such file"),
            ({"ca": "folder"}, "mqtts://h", "--tls-ca '{folder}' cannot be read (is a directory)"),
            ({"ca": "text"}, "rediss://h", "--tls-ca '{text}' holds no certificate in PEM"),
            ({"ca": "empty"}, "kafka+ssl://h", "--tls-ca '{empty}' holds no certificate in PEM"),
            ({"key": "key"}, "amqps://h/", "--tls-key is of no use without --tls-certificate"),
            (
                {"certificate": "certificate"},
                "tls://h",
                "'{certificate}' does not hold a certificate and its",
            ),
            (
                {"certificate": "certificate", "key": "other"},
                "amqps://h/",
                "--tls-key '{other}' is not the key of --tls-certificate '{certificate}'",
            ),
            (
                {"certificate": "text", "key": "key"},
                "amqps://h/",
                "'{text}' and --tls-key '{key}' must be in",
            ),
            ({"certificate": "certificate", "key": "missing"}, "amqps://h/", "--tls-key '{missing}' cannot"),
            ({"ca": "ca"}, "amqp://me:secret-word@h/", "rediss, kafka+ssl), and amqp://…@h/ is none"),
            ({"ca": "ca"}, "auto", "(amqps, mqtts, tls, rediss, kafka+ssl), and --broker is no URL"),
        ],
    )
    def test_files_that_are_of_no_use_are_one_sentence(
        self, files: dict[str, Path], given: dict[str, str], url: str, words: str
    ) -> None:
        tls = Tls(**{kind: str(files[name]) for kind, name in given.items()})
        protocol = SCHEMES[url.partition(":")[0]][0] if "://" in url else "amqp"
        with pytest.raises(UsageError) as refused:
            check_spec(url, [protocol], tls)
        assert words.format(**files) in str(refused.value)
        assert "\n" not in str(refused.value)
        assert "secret-word" not in str(refused.value)

    def test_nobody_is_asked_for_the_passphrase_of_a_key(self, files: dict[str, Path]) -> None:
        tls = Tls(certificate=str(files["certificate"]), key=str(files["locked"]))
        with pytest.raises(UsageError, match="the key without a passphrase"):
            check_spec("amqps://h/", ["amqp"], tls)

    def test_a_certificate_and_its_key_may_share_a_file(self, authority: Authority) -> None:
        both = authority.certify("shared").both
        check_spec("amqps://h/", ["amqp"], Tls(ca=str(authority.ca), certificate=str(both)))

    @pytest.mark.parametrize(
        ("words", "env"), [(("--tls-ca", "nowhere.pem"), {}), ((), {"MQBENCH_TLS_CA": "nowhere.pem"})]
    )
    def test_the_command_refuses_them_before_anything_is_started(
        self,
        command: Command,
        tmp_path: Path,
        words: tuple[str, ...],
        env: dict[str, str],
        nothing_left: None,
    ) -> None:
        done = command("run", "smoke", "--broker", "amqps://me:secret-word@h/", *words, **env)
        assert done.returncode == 2
        assert done.stderr == "mqbench: --tls-ca 'nowhere.pem' cannot be read (no such file or directory)\n"
        assert not (tmp_path / "results").exists()

    def test_a_stored_command_does_not_say_where_the_files_are(self) -> None:
        words = ["run", "--tls-ca", "/home/me/ca.pem", "--tls-key=/home/me/key.pem", "smoke"]
        assert shown_command(words) == ["mqbench", "run", "--tls-ca", "…", "--tls-key=…", "smoke"]

    def test_every_scheme_of_tls_is_a_scheme(self) -> None:
        assert set(TLS_SCHEMES) < set(SCHEMES)


def test_the_command_hands_the_files_to_both_workers_of_a_pair_and_stores_no_path(
    command: Command, tmp_path: Path, secured: Callable[[str], Listening], ours: Tls, folder: Path
) -> None:
    pair = ["--client", "aio-pika", "--consumer-client", "pika", "--loop", "uvloop", "--rounds", "1"]
    secure = ["--tls-ca", ours.ca, "--tls-certificate", ours.certificate, "--tls-key", ours.key]
    url = secured("amqp").demanding
    done = command("run", "smoke", *pair, "--broker", url, *secure, "--output", "run")
    assert done.returncode == 0, done.stderr
    stored = json.loads((tmp_path / "run" / "run.json").read_text())["command"]
    assert stored[stored.index("--tls-ca") + 1] == stored[stored.index("--tls-key") + 1] == "…"
    for path in (tmp_path / "run").iterdir():
        assert str(folder) not in path.read_text()


def test_a_loop_without_tls_is_skipped_with_the_reason_unless_the_client_brings_its_own(
    secured: Callable[[str], Listening], authority: Authority, command: Command, tmp_path: Path
) -> None:
    if (why := LOOPS["rloop"].missing()) is not None:
        excused(why)
    clients = ["--client", "aio-pika", "--client", "pika", "--loop", "rloop", "--rounds", "1"]
    broker = ["--broker", secured("amqp").url, "--tls-ca", str(authority.ca), "--output", "run"]
    done = command("run", "smoke", *clients, *broker)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "run" / "trials.csv").open() as file:
        rows = {row["client"]: (row["status"], row["reason"]) for row in csv.DictReader(file)}
    assert rows == {
        "aio-pika": (
            "skipped",
            "rloop makes no connections with TLS, and aio-pika leaves that to the event loop",
        ),
        "pika": ("valid", ""),
    }


@pytest.mark.skipif(os.name != "posix", reason="it is ended by a signal")
def test_a_broker_behind_tls_is_held_with_the_authority_that_is_given(
    secured: Callable[[str], Listening], authority: Authority, command: Command
) -> None:
    refused = command("broker", secured("amqp").url)
    assert refused.returncode == 5
    assert "--tls-ca" in refused.stderr
    words = [sys.executable, "-m", "bench", "broker", secured("amqp").url, "--tls-ca", str(authority.ca)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as held:
        assert held.stdout is not None
        assert held.stdout.readline().startswith("amqps://")
        held.send_signal(signal.SIGINT)
        assert held.wait(LIMIT_S) == 130


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "rloop"])
@pytest.mark.parametrize("entry", CLIENTS, ids=lambda entry: entry.name)
async def test_a_client_delivers_with_the_authority_that_it_is_given_unless_it_is_said_not_to(
    entry: catalogue.ClientEntry, loop: str, secured: Callable[[str], Listening], authority: Authority
) -> None:
    if (why := LOOPS[loop].missing()) is not None:
        excused(why)
    url, tls = secured(entry.abilities.protocol).url, Tls(ca=str(authority.ca))
    none = not LOOPS[loop].tls and entry.abilities.tls == "loop"  # and the planner skips it
    assert none == ("no TLS" in dict(entry.abilities.trouble).get(loop, ""))
    if none:
        with pytest.raises(EngineError):
            await delivered(entry, url, tls, loop)
    else:
        assert await delivered(entry, url, tls, loop) == 200


@pytest.mark.parametrize("entry", CLIENTS, ids=lambda entry: entry.name)
async def test_a_client_shows_its_certificate_where_one_is_demanded(
    entry: catalogue.ClientEntry, secured: Callable[[str], Listening], ours: Tls
) -> None:
    assert await delivered(entry, secured(entry.abilities.protocol).demanding, ours) == 200


@pytest.mark.parametrize("entry", CLIENTS, ids=lambda entry: entry.name)
async def test_a_client_itself_refuses_a_broker_whose_authority_it_was_not_given(
    entry: catalogue.ClientEntry, secured: Callable[[str], Listening], stranger: Authority
) -> None:
    url = secured(entry.abilities.protocol).url
    async with worker(entry) as handle:
        with pytest.raises(EngineError) as refused:
            await handle.ask(connecting(entry, url, Tls(ca=str(stranger.ca))), LIMIT_S)
    assert "\n" not in str(refused.value)


class TestLookingAtABroker:
    """What is done before anything is measured."""

    async def refused(self, url: str, tls: Tls) -> str:
        protocol = SCHEMES[url.partition(":")[0]][0]
        with pytest.raises(BrokerError) as refused:
            async with open_broker(url, protocol, tls=tls):
                pass
        said = str(refused.value)
        assert said.startswith(f"no TLS with {url.partition(':')[0]}://")
        assert "\n" not in said
        return said

    @pytest.mark.parametrize("protocol", PROTOCOLS)
    async def test_without_its_authority_or_with_somebody_elses_it_is_refused_in_one_sentence(
        self, secured: Callable[[str], Listening], stranger: Authority, protocol: str
    ) -> None:
        for tls in (Tls(), Tls(ca=str(stranger.ca))):
            said = await self.refused(secured(protocol).url, tls)
            assert said.endswith("; set SSL_CERT_FILE or --tls-ca to the certificate of its authority")

    # These two end TLS themselves; in the tests' own end of it, asyncio hangs up without the alert.
    @pytest.mark.parametrize("protocol", ["nats", "kafka"])
    async def test_one_that_demands_a_certificate_of_ours_is_said_to(
        self, secured: Callable[[str], Listening], authority: Authority, protocol: str
    ) -> None:
        said = await self.refused(secured(protocol).demanding, Tls(ca=str(authority.ca)))
        assert said.endswith("; give --tls-certificate and --tls-key a client certificate that it trusts")

    async def test_a_certificate_for_another_host_is_refused(self, authority: Authority) -> None:
        context = server_context(authority.certify("elsewhere", host="127.0.0.9"))
        async with ended("amqp://127.0.0.1:1/", context) as url:
            said = await self.refused(url, Tls(ca=str(authority.ca)))
        assert "certificate is not valid for '127.0.0.1'. use the host" in said
