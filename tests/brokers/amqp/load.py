"""A load generator for the embedded broker: raw sockets, and every frame made before the clock starts.

Publishes, confirms, deliveries and acks of one queue, as fast as the broker takes them, at next to no cost of
its own. Run it by hand, with two cores to spare::

    python tests/brokers/amqp/load.py --messages 500000 --body-bytes 1024 --window 1000 --ack-every 1

It starts a broker (or takes ``--url host:port --pid PID``) and says its rate and its CPU per message.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import numpy as np
import pamqp.frame
import psutil
from pamqp import commands, header

QUEUE = "load"
_ACK = np.dtype([("head", "V11"), ("tag", ">u8"), ("multiple", "u1"), ("end", "u1")])
_ACK_BYTES = _ACK.itemsize


class Link:
    """A connection with one open channel, driven by blocking calls."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(b"AMQP\x00\x00\x09\x01")
        self._unread = b""
        self.read("Connection.Start")
        self.send(commands.Connection.StartOk(response="\0guest\0guest"), 0)
        self.read("Connection.Tune")
        self.send(commands.Connection.TuneOk(channel_max=2047, frame_max=131072, heartbeat=0), 0)
        self.ask(commands.Connection.Open(), "Connection.OpenOk", 0)
        self.ask(commands.Channel.Open(), "Channel.OpenOk")

    def send(self, method: pamqp.frame.FrameTypes, channel_id: int = 1) -> None:
        self.socket.sendall(pamqp.frame.marshal(method, channel_id))

    def ask(self, method: pamqp.frame.FrameTypes, answer: str, channel_id: int = 1) -> None:
        self.send(method, channel_id)
        self.read(answer)

    def read(self, name: str) -> None:
        while True:
            try:
                used, _, frame = pamqp.frame.unmarshal(self._unread)
            except Exception:  # noqa: BLE001  # pamqp's way to say that there is less than a frame
                self._unread += self.socket.recv(65536)
                continue
            self._unread = self._unread[used:]
            assert frame.name == name, frame.name
            return


def publishes(body_bytes: int) -> bytes:
    return (
        b"".join(
            pamqp.frame.marshal(frame, 1)
            for frame in (
                commands.Basic.Publish(exchange="", routing_key=QUEUE),
                header.ContentHeader(
                    body_size=body_bytes, properties=commands.Basic.Properties(delivery_mode=1)
                ),
            )
        )
        + struct.pack(">BHI", 3, 1, body_bytes)
        + b"x" * body_bytes
        + b"\xce"
    )


def acks(messages: int, every: int) -> bytes:
    """All the acks that the consumer will send, back to back."""
    made = np.zeros(messages // every, dtype=_ACK)
    made["head"] = np.void(struct.pack(">BHIHH", 1, 1, 13, 60, 80))
    made["tag"] = np.arange(every, messages + 1, every)[: messages // every]
    made["multiple"] = every > 1
    made["end"] = 0xCE
    return made.tobytes()


def publish(link: Link, messages: int, window: int, body_bytes: int) -> None:
    """Keeps ``window`` unconfirmed messages under way, sent in halves."""
    half = window // 2
    chunk = publishes(body_bytes) * half
    sent = confirmed = 0
    rest = b""
    while confirmed < messages:
        while sent - confirmed <= half and sent < messages:
            link.socket.sendall(chunk)
            sent += half
        data = rest + link.socket.recv(65536)
        whole = len(data) // _ACK_BYTES * _ACK_BYTES
        if whole:
            confirmed = int.from_bytes(data[whole - 10 : whole - 2], "big")
        rest = data[whole:]


def consume(link: Link, messages: int, every: int, delivery_bytes: int) -> None:
    """Acks what it has received, by counting bytes: all deliveries are of one length."""
    settled = memoryview(acks(messages, every))
    buffer = bytearray(1 << 20)
    received = acked = 0
    while received < messages * delivery_bytes:
        received += link.socket.recv_into(buffer)
        ackable = received // delivery_bytes // every
        if ackable > acked:
            link.socket.sendall(settled[acked * _ACK_BYTES : ackable * _ACK_BYTES])
            acked = ackable


def measure(host: str, port: int, broker: psutil.Process, options: argparse.Namespace) -> dict[str, float]:
    consumer, producer = Link(host, port), Link(host, port)
    consumer.ask(commands.Queue.Declare(queue=QUEUE), "Queue.DeclareOk")
    consumer.ask(commands.Queue.Purge(queue=QUEUE), "Queue.PurgeOk")
    consumer.ask(commands.Basic.Qos(prefetch_count=options.prefetch), "Basic.QosOk")
    consumer.ask(commands.Basic.Consume(queue=QUEUE, consumer_tag="c"), "Basic.ConsumeOk")
    producer.ask(commands.Confirm.Select(), "Confirm.SelectOk")
    deliver = commands.Basic.Deliver("c", 1, False, "", QUEUE)
    delivery_bytes = (
        len(pamqp.frame.marshal(deliver, 1))
        + len(publishes(options.body_bytes))
        - len(pamqp.frame.marshal(commands.Basic.Publish(exchange="", routing_key=QUEUE), 1))
    )
    messages = options.messages // (options.window // 2) * (options.window // 2)
    taking = threading.Thread(target=consume, args=(consumer, messages, options.ack_every, delivery_bytes))
    began, cpu = time.perf_counter(), sum(broker.cpu_times()[:2])
    taking.start()
    publish(producer, messages, options.window, options.body_bytes)
    taking.join()
    spent_s, cpu_s = time.perf_counter() - began, sum(broker.cpu_times()[:2]) - cpu
    consumer.socket.close()
    producer.socket.close()
    return {"rate_per_s": round(messages / spent_s), "broker_cpu_us": round(cpu_s / messages * 1e6, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500_000)
    parser.add_argument("--body-bytes", type=int, default=1024)
    parser.add_argument("--window", type=int, default=1000)
    parser.add_argument("--prefetch", type=int, default=1000)
    parser.add_argument("--ack-every", type=int, default=1)
    parser.add_argument("--loop", default="auto")
    parser.add_argument("--url", help="HOST:PORT of a broker that runs already; wants --pid")
    parser.add_argument("--pid", type=int)
    options = parser.parse_args()
    if options.url:
        host, _, port = options.url.partition(":")
        figures = measure(host, int(port), psutil.Process(options.pid), options)
    else:
        command = [sys.executable, "-m", "bench.brokers.amqp", "--loop", options.loop]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            url = urlsplit(json.loads(process.stdout.readline())["url"])
            figures = measure(str(url.hostname), int(url.port or 0), psutil.Process(process.pid), options)
            process.stdin.close()
    sys.stdout.write(json.dumps({**vars(options), **figures}) + "\n")


if __name__ == "__main__":
    main()
