"""One library publishes and another consumes: every message is accounted for, and each failure is told."""

from __future__ import annotations

import csv
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.errors import DishonestError, StalledError
from bench.pairing import Pair
from bench.scenario import Scenario

Command = Callable[..., "subprocess.CompletedProcess[str]"]
SHORT = ("--rounds", "1", "--slices", "2", "--set", "warmup_s=0.05", "--loop", "asyncio")
RUN = ("run", "smoke", *SHORT, "--broker", "embedded", "--limit", "2", "--output", "run")
USAGE = {"cpu_user_s": 0.25, "cpu_system_s": 0.0}
SENT = {
    "sent": 10,
    "confirmed": 10,
    "began_ns": 1_000_000_000,
    "last_ns": 3_000_000_000,
    "confirm": [1, 10],
    "lag": [1, 2],
    "usage": USAGE,
    "traffic": {"sent_bytes": 1000, "received_bytes": 20},
}
CAME = {
    "account": {"received": 10, "lost": 0, "duplicated": 0, "reordered": 0, "corrupted": 0},
    "received_bytes": None,
    "last_ns": 2_000_000_000,
    "latency": [5, 10],
    "lag": [1, 1, 4, 1],
    "negative_latencies": 0,
    "usage": USAGE,
    "traffic": {"sent_bytes": 30, "received_bytes": 900},
}
LOSES = """
from contextlib import asynccontextmanager
from bench.client import Abilities
from bench.clients.aio_pika import AioPika

class Loses(AioPika):
    abilities = Abilities(distribution="aio-pika", protocol="amqp")

    @asynccontextmanager
    async def producer(self, target, queue):
        async with super().producer(target, queue) as honest:
            left = 0

            async def publish(body):
                nonlocal left
                left += 1
                if left % 50:
                    await honest(body)

            yield publish

CLIENT = Loses()
"""


class Scripted:
    """A worker that answers as it was told to, and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.pids: Sequence[int] = (len(answers),)

    async def ask(self, command: Mapping[str, Any], _: float) -> dict[str, Any]:
        self.asked.append(command["do"])
        answer = self.answers[command["do"].replace("-", "_")]
        if isinstance(answer, Exception):
            raise answer
        told: dict[str, Any] = answer
        return told


def pair(sender: dict[str, Any] | None = None, receiver: dict[str, Any] | None = None) -> Pair:
    setup = {"declare_s": 0.1, "connect_s": 0.2, "join_s": 0.0}
    sending = {"connect": {"connected": setup}, "prepare": {"ranges": [[0, 10]], "fewest": 4}, "send": SENT}
    receiving = {
        "connect": {"connected": {**setup}},
        "asks_depth": {"asks_depth": True},
        "expect": {"expected": 10},
        "check": {"checked": True},
        "drain": {"account": {**CAME["account"], "received": 1}},  # type: ignore[dict-item]
        "join": {"join_s": 0.3},
        "rewind": {"rewound": True},
        "arrive": CAME,
    }
    return Pair(
        Scripted(**{**sending, **(sender or {})}),
        Scripted(**{**receiving, **(receiver or {})}),
        receiving={"adapter": "other"},
    )


async def test_a_slice_lasts_from_the_first_send_to_the_last_receipt_or_confirm() -> None:
    sample = (await pair().ask({"do": "slice", "messages": 10}, 1))["sample"]
    assert sample["elapsed_s"] == 2.0
    unconfirmed = pair(sender={"send": {**SENT, "confirmed": None}})
    assert (await unconfirmed.ask({"do": "slice", "messages": 10}, 1))["sample"]["elapsed_s"] == 1.0


async def test_a_slice_has_the_usage_of_both_and_of_the_consumer() -> None:
    sample = (await pair().ask({"do": "slice", "messages": 10}, 1))["sample"]
    assert sample["usage"]["cpu_user_s"] == 0.5
    assert sample["consumer_usage"]["cpu_user_s"] == 0.25
    assert sample["lag"] == [1, 3, 4, 1]


async def test_a_slice_has_the_bytes_of_both_or_of_none() -> None:
    sample = (await pair().ask({"do": "slice", "messages": 10}, 1))["sample"]
    assert sample["traffic"] == {"sent_bytes": 1030, "received_bytes": 920}
    untold = pair(sender={"send": {**SENT, "traffic": None}})
    assert (await untold.ask({"do": "slice", "messages": 10}, 1))["sample"]["traffic"] is None


async def test_both_processes_belong_to_the_run() -> None:
    assert len(set(pair().pids)) == 2


async def test_a_sender_that_fails_is_the_reason_even_if_the_receiver_says_so_first() -> None:
    both = pair(
        sender={"send": StalledError("publishing stood still")},
        receiver={"arrive": StalledError("delivery stood still")},
    )
    with pytest.raises(StalledError, match="publishing stood still"):
        await both.ask({"do": "slice", "messages": 10}, 1)


async def test_a_message_that_is_missing_when_connecting_is_dishonest() -> None:
    order = {"do": "connect", "scenario": Scenario(in_flight=5).to_json()}
    with pytest.raises(DishonestError, match="of 5 messages while the clients were being connected"):
        await pair().ask(order, 1)


def trials(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(encoding="utf-8") as file:
        return sorted(csv.DictReader(file), key=lambda row: int(row["case"]))


@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
def test_any_two_clients_of_a_protocol_make_a_valid_row(
    command: Command, tmp_path: Path, guarantee: str
) -> None:
    words = ("--client", "aio-pika", "--client", "aioamqp", "--consumer-client", "aiormq")
    more = ("--set", f"guarantee={guarantee}", "--set", "producers=2", "--set", "consumers=3")
    ended = command(*RUN, *words, *more)
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"What these clients published, aiormq \(\d.*\) consumed", ended.stdout)
    rows = trials(tmp_path / "run")
    assert [(row["client"], row["consumer_client"], row["status"]) for row in rows] == [
        ("aio-pika", "aiormq", "valid"),
        ("aioamqp", "aiormq", "valid"),
    ]
    for row in rows:
        assert row["consumer_client_version"]
        assert "pamqp==" in row["consumer_client_requires"]
        assert 0 < float(row["consumer_cpu_us_per_message"]) < float(row["client_cpu_us_per_message"])


@pytest.mark.parametrize(
    ("sender", "receiver"), [("aiomqtt", "gmqtt"), ("gmqtt", "aiomqtt"), ("nats-py", "nats-py")]
)
def test_pairs_of_other_protocols_make_valid_rows(
    command: Command, tmp_path: Path, sender: str, receiver: str
) -> None:
    ended = command(*RUN, "--client", sender, "--consumer-client", receiver)
    assert ended.returncode == 0, ended.stderr
    assert {row["status"] for row in trials(tmp_path / "run")} == {"valid"}


@pytest.mark.parametrize("churn", ["false", "true"])
@pytest.mark.parametrize(
    ("sender", "receiver"), [("aio-pika", "aioamqp"), ("aioamqp", "aio-pika"), ("aioamqp", "aioamqp")]
)
def test_a_pair_agrees_on_the_sizes_of_a_mix_whoever_has_a_stream_for_each_lane(
    command: Command, tmp_path: Path, sender: str, receiver: str, churn: str
) -> None:
    mixed = ("--set", "payload_mix=40:3+1000-4000:1", "--set", "in_flight=3", "--set", f"churn={churn}")
    ended = command(*RUN, "--client", sender, "--consumer-client", receiver, *mixed)
    assert ended.returncode == 0, ended.stderr
    assert {row["status"] for row in trials(tmp_path / "run")} == {"valid"}


def test_the_consumer_of_a_pair_returns_messages_that_come_again(command: Command, tmp_path: Path) -> None:
    more = ("--set", "requeue_every=10", "--set", "consumers=2")
    ended = command(*RUN, "--client", "aioamqp", "--consumer-client", "aio-pika", *more)
    assert ended.returncode == 0, ended.stderr
    (row,) = trials(tmp_path / "run")
    assert row["status"] == "valid"
    assert 0.05 < int(row["requeued"]) / int(row["received"]) < 0.2


@pytest.mark.parametrize(
    ("guarantee", "reason"),
    [
        ("at-least-once", "publishes were reported as confirmed when the broker held only"),
        ("at-most-once", "lost of"),
    ],
)
def test_a_message_that_the_publisher_loses_makes_the_row_invalid(
    command: Command, tmp_path: Path, guarantee: str, reason: str
) -> None:
    path = tmp_path / "loses.py"
    path.write_text(LOSES)
    more = ("--set", f"guarantee={guarantee}", "--set", "in_flight=100")
    ended = command(*RUN, "--client", str(path), "--consumer-client", "aioamqp", *more)
    assert ended.returncode == 1, ended.stderr
    assert reason in trials(tmp_path / "run")[0]["reason"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--client", "aio-pika", "--consumer-client", "memory"), "it cannot be its consumer"),
        (("--client", "memory", "--consumer-client", "memory"), "a client without a broker cannot"),
        (("--client", "aio-pika", "--consumer-client", "nothing"), "no client 'nothing'"),
        (
            ("--client", "aio-pika", "--consumer-client", "aioamqp", "--set", "measure=publish"),
            "two clients can be measured end-to-end, not publish",
        ),
        (
            ("--client", "aio-pika", "--consumer-client", "aioamqp", "--set", "request_reply=true"),
            "can be driven closed and from one queue, not with replies",
        ),
    ],
)
def test_a_pair_that_cannot_be_is_a_sentence(command: Command, words: tuple[str, ...], reason: str) -> None:
    ended = command(*RUN, *words)
    assert ended.returncode == 2
    assert reason in ended.stderr.splitlines()[-1]
