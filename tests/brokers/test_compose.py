"""Docker: the commands that are given, what is said when they fail, and that everything is taken down.

No engine is needed: ``docker`` is a script of ours that writes down how it was called. Where an engine
answers, the service itself is started as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # no types

from bench.brokers import ListedBroker, docker_engine, list_brokers, open_broker
from bench.brokers.compose import COMPOSE_FILE, image_of
from bench.brokers.kinds import SOURCES
from bench.errors import BrokerError

from . import peers
from .conftest import eventually, needed

FAKE = """#!{python} -IS
import json, os, sys, time
with open({trace!r}, "a") as trace:
    ours = {{name: value for name, value in os.environ.items() if name.startswith("MQBENCH_")}}
    trace.write(json.dumps([sys.argv[1:], ours]) + "\\n")
words = [word for word in sys.argv[1:] if word in ("version", "up", "port", "down")]
{code}
"""
ANSWERS = "words == ['port'] and print('a warning on the way\\n127.0.0.1:{port}\\nanother')"


class Docker:
    """A client on PATH, an engine behind a socket, and a note of what the client was asked."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.trace, self.socket = folder / "bin", folder / "trace", folder / "engine.sock"
        self.bin.mkdir()
        self.reply: bytes | None = b"HTTP/1.0 200 OK\r\n\r\nOK"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket))
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        held: list[socket.socket] = []
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                for connection in held:
                    connection.close()
                return
            held.append(connection)
            if self.reply is not None:
                connection.recv(100)
                connection.sendall(self.reply)
                held.pop().close()

    def install(self, code: str = "") -> None:
        client = self.bin / "docker"
        client.write_text(FAKE.format(python=sys.executable, trace=str(self.trace), code=code))
        client.chmod(0o755)

    def plug(self, folder: Path) -> None:
        (folder / "cli-plugins").mkdir(parents=True)
        (folder / "cli-plugins" / "docker-compose").touch()

    @property
    def calls(self) -> list[tuple[list[str], dict[str, str]]]:
        return [tuple(json.loads(line)) for line in self.trace.read_text().splitlines()]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    fake = Docker(tmp_path)
    monkeypatch.setenv("PATH", str(fake.bin))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{fake.socket}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setattr(docker_engine, "PLUGIN_FOLDERS", ())
    fake.plug(tmp_path / "config")
    yield fake
    fake.listener.close()


async def refusal() -> str:
    with pytest.raises(BrokerError) as caught:
        async with open_broker("docker", "amqp"):
            pytest.fail("it started")
    return str(caught.value)


async def test_a_missing_docker_is_said(docker: Docker) -> None:
    assert (await refusal()).startswith("no docker rabbitmq: docker is not installed; to mend it: https://")


async def test_an_engine_that_is_not_there_is_said(docker: Docker) -> None:
    docker.install()
    docker.socket.unlink()
    assert f"no Docker engine at unix://{docker.socket} (no such file or directory)" in await refusal()


async def test_an_engine_that_refuses_is_said(docker: Docker) -> None:
    docker.install()
    docker.listener.close()
    assert f"no Docker engine at unix://{docker.socket} (connection refused)" in await refusal()


async def test_an_engine_that_does_not_answer_is_given_up_soon(docker: Docker) -> None:
    docker.install()
    docker.reply = None
    start = time.monotonic()
    assert f"the Docker engine at unix://{docker.socket} does not answer within 0.15 s" in await refusal()
    assert time.monotonic() - start < 2


async def test_something_else_on_the_engine_s_socket_is_said(docker: Docker) -> None:
    docker.install()
    docker.reply = b"220 mail"
    assert "is not a Docker engine" in await refusal()


async def test_a_missing_compose_plugin_is_said(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    docker.install("sys.exit('docker: unknown command: docker compose')")
    monkeypatch.setenv("DOCKER_CONFIG", "/nowhere")
    assert "docker has no compose plugin (docker-compose-plugin or docker-compose-v2)" in await refusal()
    assert [call for call, _ in docker.calls] == [["compose", "version"]]


def test_the_engine_of_the_current_context_is_asked(
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.install()
    monkeypatch.delenv("DOCKER_HOST")
    (tmp_path / "config" / "config.json").write_text('{"currentContext": "mine"}')
    name = hashlib.sha256(b"mine").hexdigest()
    meta = tmp_path / "config" / "contexts" / "meta" / name
    assert "docker's context 'mine' has no host" in listed().detail
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(
        json.dumps({"Endpoints": {"docker": {"Host": f"unix://{docker.socket}"}}})
    )
    assert listed().available


def listed() -> ListedBroker:
    return next(one for one in list_brokers() if one.origin == "docker")


def test_what_is_there_is_listed_by_its_image_without_starting_the_client(docker: Docker) -> None:
    docker.install()
    assert (listed().available, listed().detail) == (True, image_of("rabbitmq"))
    assert not docker.trace.exists()


async def test_the_service_is_started_asked_for_its_port_and_taken_down(docker: Docker, room: Path) -> None:
    async with peers.listening(peers.AMIABLE) as port:
        docker.install(ANSWERS.format(port=port))
        async with open_broker("docker", "amqp") as broker:
            assert (broker.kind, broker.origin, broker.version) == ("rabbitmq", "docker", "1.2.3")
            assert broker.last_words() is None
            assert broker.url.endswith(f"@127.0.0.1:{port}/")
            assert len(docker.calls) == 2
    calls = docker.calls
    start = calls[0][0][:5]
    assert start[:2] == ["compose", "--project-name"]
    assert start[2].startswith("mqbench-")
    assert start[3:] == ["--file", str(COMPOSE_FILE)]
    assert [call[:5] for call, _ in calls] == [start] * 3
    assert [call[5:] for call, _ in calls] == [
        ["up", "--detach", "--wait", "rabbitmq"],
        ["port", "rabbitmq", "5672"],
        ["down", "--volumes", "--timeout", "2"],
    ]
    for _, environment in calls:
        assert environment["MQBENCH_BROKER_PORT"] == "0"
        assert environment["MQBENCH_BROKER_PASSWORD"] in broker.url


async def test_a_service_that_does_not_start_says_why_and_is_taken_down(docker: Docker, room: Path) -> None:
    docker.install("words == ['up'] and sys.exit('pulling...\\nno space left on device')")
    assert "docker compose up failed: pulling...; no space left on device" in await refusal()
    assert docker.calls[-1][0][5] == "down"


async def test_a_service_without_a_port_says_so_and_is_taken_down(docker: Docker, room: Path) -> None:
    docker.install("words == ['port'] and print(':0')")
    assert "docker compose port named no port, but: :0" in await refusal()
    assert docker.calls[-1][0][5] == "down"


async def test_cancelled_while_it_starts_it_is_taken_down(docker: Docker, room: Path) -> None:
    docker.install("words == ['up'] and time.sleep(600)")

    async def hold() -> None:
        async with open_broker("docker", "amqp"):
            pytest.fail("it started")

    task = asyncio.create_task(hold())
    await until_called(docker, "up")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert docker.calls[-1][0][5] == "down"


async def until_called(docker: Docker, word: str) -> None:
    await eventually(lambda: docker.trace.exists() and docker.calls[-1][0][5] == word, 20)


async def test_it_is_taken_down_even_when_the_harness_is_killed(docker: Docker, room: Path) -> None:
    code = (
        "import asyncio\n"
        "from bench.brokers import open_broker\n"
        "async def main():\n"
        "    async with open_broker('docker', 'amqp'):\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    async with peers.listening(peers.AMIABLE) as port:
        docker.install(ANSWERS.format(port=port))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, env={**os.environ, "TMPDIR": str(room)}
        )
        await until_called(docker, "port")
        process.kill()
        await process.wait()
        await until_called(docker, "down")


def test_every_service_is_a_kind_and_every_kind_with_docker_a_service() -> None:
    text = COMPOSE_FILE.read_text()
    services = [
        line.strip(" :") for line in text.splitlines() if line.startswith("  ") and line[2] not in " #-"
    ]
    assert services == [source.kind for source in SOURCES if source.origin == "docker"]
    for service in services:
        assert image_of(service).count(":") == 1
        assert image_of(service)[-1].isdigit()


def judged_by_the_schema(file: Path) -> subprocess.CompletedProcess[str]:
    """By that of the Compose specification, of which check-jsonschema brings a copy."""
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_compose_file_is_valid_by_the_compose_schema(tmp_path: Path) -> None:
    judged = judged_by_the_schema(COMPOSE_FILE)
    assert judged.returncode == 0, judged.stdout
    misspelt = tmp_path / "docker-compose.yml"
    misspelt.write_text(COMPOSE_FILE.read_text().replace("healthcheck:", "health_check:", 1))
    refused = judged_by_the_schema(misspelt)
    assert refused.returncode == 1
    assert "health_check" in refused.stdout


def test_the_compose_file_pins_limits_checks_and_binds_to_loopback() -> None:
    for service in yaml.safe_load(COMPOSE_FILE.read_text())["services"].values():
        assert service.keys() >= {"image", "healthcheck", "cpus", "mem_limit"}
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


@pytest.mark.timeout(900)
async def test_the_real_service_answers_and_is_gone_afterwards(room: Path) -> None:
    needed("docker", "rabbitmq")
    async with open_broker("docker", "amqp") as broker:
        assert broker.version == image_of("rabbitmq").partition(":")[2]
        assert broker.last_words() is None
    assert broker.last_words() is not None
    assert list_projects() == []


def list_projects() -> list[str]:
    command = ["docker", "compose", "ls", "--all", "--quiet"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in names if name.startswith("mqbench-")]
