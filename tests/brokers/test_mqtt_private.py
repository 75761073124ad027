"""MQTT brokers of our own: they answer, keep what they are asked to keep, and are gone afterwards."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.brokers import open_broker
from bench.brokers.compose import COMPOSE_FILE
from bench.brokers.mqtt import mosquitto
from bench.brokers.mqtt.address import MqttAddress
from bench.brokers.mqtt.handshake import log_in
from bench.errors import BrokerError

from .conftest import below, needed

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 20.0

pytestmark = pytest.mark.real_broker


@pytest.fixture(params=["native:mosquitto", "embedded:nats-mqtt"])
def spec(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    needed(*name.split(":"))
    return name


async def test_it_answers_on_loopback_and_is_metered(spec: str, room: Path) -> None:
    async with open_broker(spec, "mqtt") as broker:
        assert f"{broker.origin}:{broker.kind}" == spec
        assert re.match(r"\d+\.\d+\.\d+", broker.version)
        (pid,) = broker.pids
        process = psutil.Process(pid)
        assert {address.laddr.ip for address in process.net_connections() if address.status == "LISTEN"} == {
            "127.0.0.1"
        }
        assert broker.last_words() is None
        assert "…" in broker.shown_url
        assert MqttAddress.parse(broker.url).password not in repr(broker)


async def test_nobody_gets_in_without_the_password(spec: str, room: Path) -> None:
    async with open_broker(spec, "mqtt") as broker:
        host = broker.url.rpartition("@")[2]
        for login in ("", "mqbench:wrong@"):
            with pytest.raises(BrokerError, match=r"refused the log-in"):
                await log_in(MqttAddress.parse(f"mqtt://{login}{host}"))


async def test_two_at_once_do_not_meet(spec: str, room: Path) -> None:
    async with open_broker(spec, "mqtt") as one, open_broker(spec, "mqtt") as other:
        assert one.url != other.url
        assert one.pids != other.pids


async def test_a_broker_that_dies_has_last_words(spec: str, room: Path) -> None:
    def until_noticed() -> None:
        deadline = time.monotonic() + LIMIT_S
        while broker.last_words() is None and time.monotonic() < deadline:
            time.sleep(0.02)

    async with open_broker(spec, "mqtt") as broker:
        os.kill(broker.pids[0], signal.SIGKILL)
        await asyncio.to_thread(until_noticed)
        assert broker.last_words() is not None


async def test_an_exception_in_the_block_ends_it(spec: str, room: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_broker(spec, "mqtt"):
            raise ZeroDivisionError


async def test_it_does_not_survive_a_killed_parent(spec: str, room: Path) -> None:
    program = (
        "import asyncio\n"
        "from bench.brokers import open_broker\n"
        "async def main():\n"
        f"    async with open_broker({spec!r}, 'mqtt'):\n"
        "        print('open', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(room)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"open\n"
    assert below(room)
    parent.kill()
    await parent.wait()
    # That neither a process nor a folder is left is what ``room`` looks at.


async def test_auto_takes_the_native_one_first(room: Path) -> None:
    needed("native", "mosquitto")
    async with open_broker("auto", "mqtt") as broker:
        assert (broker.origin, broker.kind) == ("native", "mosquitto")


async def test_a_missing_mosquitto_is_passed_over_for_the_embedded_broker(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed("embedded", "nats-mqtt")
    monkeypatch.setattr(mosquitto, "PLACES", ())
    monkeypatch.setenv("PATH", str(room))  # nor is there a docker
    async with open_broker("auto", "mqtt") as broker:
        assert (broker.origin, broker.kind) == ("embedded", "nats-mqtt")
        assert "no native mosquitto (mosquitto is not installed)" in broker.why


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo mosquitto version 1.6.12", "mosquitto 1.6.12 is too old; 2.0 or newer is needed"),
        ("exit 3", "does not say its version"),
    ],
)
def test_a_mosquitto_that_cannot_be_used_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    fake = tmp_path / "mosquitto"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = mosquitto.NativeMosquitto().find()
    assert not found.available
    assert words in found.detail


async def test_a_mosquitto_that_dies_at_once_says_why(
    tmp_path: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "mosquitto"
    fake.write_text(
        '#!/bin/sh\n[ "$1" = -h ] && echo mosquitto version 2.0.0 && exit 3\necho Error: no luck; exit 1\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(BrokerError, match=r"did not start: .*exit code 1; it last said: Error: no luck"):
        async with open_broker("native", "mqtt"):
            pass


def test_the_container_has_the_settings_of_the_native_broker() -> None:
    settings = {
        line.strip()
        for line in mosquitto.configuration("", 1883, "/tmp").splitlines()
        if not line.startswith(("#", "listener", "user"))
    }
    service = COMPOSE_FILE.read_text(encoding="utf-8").partition("\n  mosquitto:\n")[2]
    assert settings <= {line.strip() for line in service.splitlines()}
