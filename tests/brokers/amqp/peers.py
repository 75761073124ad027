"""The embedded broker as a process, and a raw socket to talk to it with."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pamqp.frame
from pamqp import commands

ROOT = Path(__file__).parents[3]
WAIT_S = 10


class BrokerProcess:
    """A running broker: the line that it printed, and its process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.said: dict[str, str] = json.loads(process.stdout.readline())
        self.url = self.said["url"]
        self.port = int(urlsplit(self.url).port or 0)


@contextmanager
def started(*options: str, **environment: str) -> Iterator[BrokerProcess]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.brokers.amqp", *options],
        cwd=ROOT,
        env=environment or None,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield BrokerProcess(process)
        finally:
            process.kill()


class Wire:
    """A raw socket that speaks whatever it is told, right or wrong."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""

    def send(self, method: pamqp.frame.FrameTypes, channel_id: int = 1) -> None:
        self.socket.sendall(pamqp.frame.marshal(method, channel_id))

    def open(
        self,
        *,
        password: str = "guest",
        vhost: str = "/",
        frame_max: int = 131072,
        heartbeat: int = 0,
        **capabilities: bool,
    ) -> Any:
        """The handshake, and channel 1; returns the first frame that is not as it should be, if any."""
        self.socket.sendall(b"AMQP\x00\x00\x09\x01")
        properties: Any = {"capabilities": {name.replace("__", "."): on for name, on in capabilities.items()}}
        asked: list[tuple[pamqp.frame.FrameTypes | None, int, str]] = [
            (None, 0, "Connection.Start"),
            (
                commands.Connection.StartOk(client_properties=properties, response=f"\0guest\0{password}"),
                0,
                "Connection.Tune",
            ),
            (commands.Connection.TuneOk(channel_max=10, frame_max=frame_max, heartbeat=heartbeat), 0, ""),
            (commands.Connection.Open(virtual_host=vhost), 0, "Connection.OpenOk"),
            (commands.Channel.Open(), 1, "Channel.OpenOk"),
        ]
        for method, channel_id, answer in asked:
            if method is not None:
                self.send(method, channel_id)
            frame = self.read() if answer else None
            if answer and (frame is None or frame.name != answer):
                return frame
        return None

    def read(self) -> Any:
        """The next frame; None at the end of the stream."""
        while True:
            if len(self._unread) >= 7:
                size = struct.unpack_from(">I", self._unread, 3)[0] + 8
                if len(self._unread) >= size:
                    raw, self._unread = self._unread[:size], self._unread[size:]
                    return pamqp.frame.unmarshal(raw)[2]
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._unread += data

    def ask(self, method: pamqp.frame.FrameTypes, channel_id: int = 1) -> Any:
        self.send(method, channel_id)
        return self.read()
