"""How the process starts and ends, and what it holds at most."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pamqp.body
import pamqp.frame
import pamqp.header
import pika
import pika.exceptions
import psutil
import pytest
from pamqp import commands

from .peers import ROOT, WAIT_S, Wire, started

MEGABYTE = 1 << 20
OpenChannel = Callable[[str], Any]


@pytest.fixture
def open_channel() -> Iterator[Callable[[str], Any]]:
    """A channel of a connection of its own, which is closed in the end if the broker still is there."""
    opened: list[Any] = []

    def open_channel(url: str) -> Any:
        opened.append(pika.BlockingConnection(pika.URLParameters(url)))
        return opened[-1].channel()

    yield open_channel
    for connection in opened:
        if connection.is_open:
            with suppress(pika.exceptions.AMQPError):
                connection.close()


def test_it_says_where_it_listens_in_one_line(open_channel: OpenChannel) -> None:
    with started() as broker:
        assert set(broker.said) == {"url", "version", "loop"}
        assert broker.url == f"amqp://guest:guest@127.0.0.1:{broker.port}/"
        assert open_channel(broker.url).is_open


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_it_runs_on_the_loop_asked_for(open_channel: OpenChannel, loop: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    with started("--loop", loop) as broker:
        assert broker.said["loop"] == loop
        channel = open_channel(broker.url)
        queue = channel.queue_declare("").method.queue
        channel.basic_publish("", queue, b"x" * MEGABYTE)
        assert channel.basic_get(queue)[2] == b"x" * MEGABYTE


def test_user_password_and_vhost_are_its_own(open_channel: OpenChannel) -> None:
    with started(
        "--user", "m/q", "--vhost", "a/b", **{**os.environ, "MQBENCH_AMQP_PASSWORD": "s:e@c"}
    ) as broker:
        assert "s:e@c" not in " ".join(psutil.Process(broker.process.pid).cmdline())
        assert open_channel(broker.url).is_open
        with pytest.raises(pika.exceptions.ProbableAuthenticationError):
            open_channel(broker.url.replace("s%3Ae%40c", "guest"))
        with pytest.raises(pika.exceptions.ProbableAccessDeniedError):
            open_channel(broker.url.replace("a%2Fb", "%2F"))


def test_it_ends_when_its_stdin_closes(open_channel: OpenChannel) -> None:
    with started() as broker:
        channel = open_channel(broker.url)
        out, err = broker.process.communicate(timeout=WAIT_S)
        assert (out, err, broker.process.returncode) == ("", "", 0)
        with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="320"):
            channel.queue_declare("")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_on_signals(open_channel: OpenChannel, number: signal.Signals) -> None:
    with started() as broker:
        assert open_channel(broker.url).is_open
        broker.process.send_signal(number)
        assert broker.process.wait(WAIT_S) == 0
        assert broker.process.stderr is not None
        assert not broker.process.stderr.read()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", broker.port)).close()


def test_it_does_not_outlive_a_parent_killed_at_once() -> None:
    parent = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'bench.brokers.amqp'], stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = sorted(process.stdout.readline() for _ in range(2))
        child = psutil.Process(int(lines[0]))
        assert json.loads(lines[1])["url"]
        process.kill()
        psutil.wait_procs([child], timeout=WAIT_S)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.brokers.amqp", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--port", "65536"), "must be 0 to 65535, got 65536"),
        (("--max-memory-mb", "0"), "must be 1 to 1048576, got 0"),
        (("--loop", "rloop"), "invalid choice"),
        (("--host", "no.such.host.invalid"), "cannot listen on no.such.host.invalid:0 ("),
    ],
)
def test_options_that_make_no_sense_are_exit_2(options: tuple[str, ...], sentence: str) -> None:
    ended = run(*options)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_port_in_use_is_one_sentence_and_exit_2() -> None:
    with started() as broker:
        second = run("--port", str(broker.port))
    assert second.returncode == 2
    assert not second.stdout
    assert second.stderr == (
        f"the embedded broker cannot listen on 127.0.0.1:{broker.port} (address already in use)\n"
    )


def message(queue: str, body: bytes) -> bytes:
    frames: list[pamqp.frame.FrameTypes] = [
        commands.Basic.Publish(routing_key=queue),
        pamqp.header.ContentHeader(body_size=len(body)),
        pamqp.body.ContentBody(body),
    ]
    return b"".join(pamqp.frame.marshal(frame, 1) for frame in frames)


def flood(wire: Wire, frames: bytes) -> threading.Thread:
    """Sends in the background, until all is sent or the socket is closed."""

    def send() -> None:
        with suppress(OSError):
            wire.socket.sendall(frames)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def test_full_memory_blocks_publishers_until_messages_are_taken(open_channel: OpenChannel) -> None:
    count, body = 1000, bytes(100_000)
    with started("--max-memory-mb", "8") as broker:
        wire, consumer = Wire(broker.port), open_channel(broker.url)
        assert wire.open(connection__blocked=True) is None
        consumer.queue_declare("full")
        with wire.socket:
            thread = flood(wire, message("full", body) * count)
            assert wire.read().name == "Connection.Blocked"
            held = consumer.queue_declare("full", passive=True).method.message_count
            assert 80 < held < 200
            received = 0
            for _, _, taken in consumer.consume("full", auto_ack=True):
                received += len(taken)
                if received == count * len(body):
                    break
            thread.join(WAIT_S)
            assert not thread.is_alive()
            assert wire.read().name == "Connection.Unblocked"
        assert psutil.Process(broker.process.pid).memory_info().rss < 100 * MEGABYTE


def test_small_messages_count_with_their_overhead() -> None:
    with started("--max-memory-mb", "32") as broker:
        process = psutil.Process(broker.process.pid)
        before = process.memory_info().rss
        wire = Wire(broker.port)
        assert wire.open(connection__blocked=True) is None
        queue = wire.ask(commands.Queue.Declare(exclusive=True)).queue
        with wire.socket:
            flood(wire, message(queue, b"x" * 10) * 200_000)
            assert wire.read().name == "Connection.Blocked"
        assert process.memory_info().rss - before < 48 * MEGABYTE


def test_publisher_that_comes_while_memory_is_full_is_blocked_as_well(open_channel: OpenChannel) -> None:
    with started("--max-memory-mb", "1") as broker:
        first, second, taking = (open_channel(broker.url) for _ in range(3))
        first.queue_declare("full")
        first.basic_publish("", "full", bytes(MEGABYTE - 1000))
        first.basic_publish("", "full", bytes(1000))
        while taking.queue_declare("full", passive=True).method.message_count < 2:
            pass  # the broker has not read both yet
        blocked: list[Any] = []
        second.connection.add_on_connection_blocked_callback(lambda *_: blocked.append(True))
        second.basic_publish("", "full", b"")
        while not blocked:
            second.connection.process_data_events(time_limit=1)
        assert taking.basic_get("full", auto_ack=True)[0] is not None
        second.confirm_delivery()


def test_publisher_that_does_not_take_its_returns_is_not_read_from_for_ever() -> None:
    publish = commands.Basic.Publish(routing_key="nowhere", mandatory=True)
    content = message("nowhere", bytes(100_000)).removeprefix(
        pamqp.frame.marshal(commands.Basic.Publish(routing_key="nowhere"), 1)
    )
    with started() as broker:
        wire = Wire(broker.port)
        assert wire.open() is None
        with wire.socket:
            thread = flood(wire, (pamqp.frame.marshal(publish, 1) + content) * 2000)
            thread.join(1)
            assert thread.is_alive()
            assert psutil.Process(broker.process.pid).memory_info().rss < 100 * MEGABYTE
            returned = 0
            while returned < 2000:
                returned += wire.read().name == "Basic.Return"
            thread.join(WAIT_S)
            assert not thread.is_alive()


def test_connections_leave_nothing_behind() -> None:
    with started() as broker:
        process = psutil.Process(broker.process.pid)
        for number in range(400):
            if number == 100:
                before = process.memory_info().rss
            wire = Wire(broker.port)
            with wire.socket:
                assert wire.open(heartbeat=30) is None
                queue = wire.ask(commands.Queue.Declare(exclusive=True)).queue
                assert wire.ask(commands.Basic.Consume(queue=queue)).name == "Basic.ConsumeOk"
                if number % 2:
                    assert wire.ask(commands.Connection.Close(200, "", 0, 0), 0).name == "Connection.CloseOk"
        assert process.memory_info().rss - before < MEGABYTE
