"""A trial's row is its turns, added up: what was counted, how fast it was, what it cost, is it valid."""

from __future__ import annotations

from typing import Any

import pytest

from bench import Scenario
from bench.brokers import Broker
from bench.catalogue import ClientEntry
from bench.client import Abilities
from bench.environments import Environment
from bench.gauges import NOTHING, Usage
from bench.histogram import Histogram
from bench.payload import Account
from bench.plan import Case
from bench.sockets import Traffic
from bench.trial import Trial
from bench.trial.turn import Turn

BROKER = Broker(kind="rabbitmq", origin="external", protocol="amqp", version="4", url="amqp://u:secret@host")
HERE = Environment(
    python="python",
    python_version="3.12.1",
    client_version="9.9",
    requires="pamqp==3",
    loop="asyncio",
    loop_version="3.12.1",
    bench_path="",
)


def used(user_s: float, system_s: float) -> Usage:
    return Usage(
        cpu_user_s=user_s,
        cpu_system_s=system_s,
        voluntary_switches=2,
        involuntary_switches=1,
        gc_collections=3,
        gc_pause_s=0.25,
    )


def latencies(count: int, each_us: int = 500) -> Histogram:
    histogram = Histogram()
    histogram.add_all([each_us * 1000] * count)
    return histogram


def turn(received: int = 100, **changes: Any) -> Turn:
    words: dict[str, Any] = {
        "messages": 100,
        "sent": 100,
        "confirmed": 100,
        "account": Account(received=received, lost=100 - received),
        "elapsed_s": 0.5,
        "usage": used(0.1, 0.05),
        "latency": latencies(received),
        "confirm": latencies(100),
        "lag": Histogram(),
        "negative_latencies": 0,
        "broker_cpu_s": 0.02,
    }
    return Turn(**{**words, **changes})


def trial(*turns: Turn, **changes: Any) -> Trial:
    abilities = Abilities(distribution="aio-pika", protocol="amqp")
    case = Case(
        number=3,
        scenario_name="headline",
        point="",
        scenario=changes.pop("scenario", Scenario(payload_bytes=64)),
        client="aio-pika",
        entry=ClientEntry(name="aio-pika", adapter="aio_pika", abilities=abilities, summary=""),
        loop="asyncio",
    )
    made = Trial(
        case=case, round=2, block=1, broker=BROKER, environment=HERE, hash_seed=1, began_s=0.0, **changes
    )
    for one in turns:
        made.add(one)
    return made


@pytest.mark.parametrize("wrong", ["lost", "duplicated", "reordered", "corrupted"])
def test_a_turn_with_any_surprise_says_which(wrong: str) -> None:
    received = 99 if wrong in {"lost", "corrupted"} else 100
    account = Account(**{"received": received, wrong: 1})
    assert turn(account=account).wrong == f"1 {wrong} of 100 messages"


def test_a_turn_of_which_every_message_came_has_nothing_wrong() -> None:
    assert turn().wrong is None
    assert turn(confirmed=None).wrong is None
    assert turn(account=Account(received=100, requeued=9)).wrong is None


def test_a_turn_with_fewer_messages_than_asked_for_is_wrong_though_none_is_called_lost() -> None:
    assert turn(account=Account(received=99)).wrong == "none lost of 100 messages"


def test_a_turn_whose_publishes_were_not_all_confirmed_is_wrong() -> None:
    assert turn(confirmed=97).wrong == "3 of 100 publishes were not confirmed"


def test_rates_are_of_all_messages_over_all_time_and_not_means_of_rates() -> None:
    row = trial(turn(), turn(elapsed_s=1.5)).row()
    assert (row["slices"], row["sent"], row["confirmed"], row["received"]) == (2, 200, 200, 200)
    assert (row["elapsed_s"], row["rate_per_s"], row["confirmed_per_s"]) == (2.0, 100.0, 100.0)
    assert row["bytes_per_s"] == 6400.0


def test_bytes_are_those_that_came_where_sizes_are_mixed() -> None:
    assert trial(turn(received_bytes=1000), turn(received_bytes=3000)).row()["bytes_per_s"] == 4000.0


def test_what_did_not_come_is_in_no_rate_and_in_every_count() -> None:
    row = trial(turn(), turn(received=60)).row()
    assert (row["received"], row["lost"], row["rate_per_s"]) == (160, 40, 160.0)


def test_costs_are_for_each_message_that_came() -> None:
    row = trial(turn(), turn(received=50)).row()
    assert row["client_cpu_us_per_message"] == pytest.approx(0.3e6 / 150)
    assert row["client_cpu_user_us_per_message"] == pytest.approx(0.2e6 / 150)
    assert row["client_cpu_system_us_per_message"] == pytest.approx(0.1e6 / 150)
    assert row["broker_cpu_us_per_message"] == pytest.approx(0.04e6 / 150)
    assert (row["client_cores"], row["broker_cores"]) == (pytest.approx(0.3), pytest.approx(0.04))
    assert (row["gc_collections"], row["gc_pause_s"], row["voluntary_switches"]) == (6, 0.5, 4)


def test_a_broker_that_is_not_ours_costs_nothing_that_we_know() -> None:
    row = trial(turn(broker_cpu_s=None)).row()
    assert (row["broker_cpu_us_per_message"], row["broker_cores"]) == (None, None)


def test_of_two_workers_the_busier_one_is_the_limit() -> None:
    """Together they use more than a core here, and each of them half of one."""
    shared = trial(turn(usage=used(0.5, 0.0), consumer_usage=used(0.25, 0.0))).row()
    assert shared["client_cores"] == 1.0
    assert shared["bottleneck"] == "unclear"
    alone = trial(turn(usage=used(0.5, 0.0))).row()
    assert alone["bottleneck"] == "client"
    assert shared["consumer_cpu_us_per_message"] == pytest.approx(2500)


def test_percentiles_are_over_all_turns_and_empty_with_fewer_than_ten_beyond_them() -> None:
    row = trial(turn(latency=latencies(50)), turn(latency=latencies(50, each_us=900))).row()
    assert (row["latency_p50_us"], row["latency_p90_us"]) == (500, 900)
    assert (row["latency_p99_us"], row["latency_max_us"]) == (None, 900)
    few = trial(turn(latency=latencies(19))).row()
    assert (few["latency_p50_us"], few["latency_max_us"]) == (None, 500)


def test_drift_is_the_last_third_against_the_first() -> None:
    turns = [turn(elapsed_s=0.5)] * 2 + [turn(elapsed_s=9.0)] * 2 + [turn(elapsed_s=0.4)] * 2
    assert trial(*turns).row()["drift"] == pytest.approx(0.25)
    assert trial(turn(), turn()).row()["drift"] is None


def test_the_harness_has_no_more_than_all_of_a_clients_time() -> None:
    assert trial(turn(), harness_cpu_us=150.0).row()["harness_share"] == pytest.approx(0.1)
    assert trial(turn(), harness_cpu_us=9000.0).row()["harness_share"] == 1.0
    assert trial(turn(usage=NOTHING), harness_cpu_us=150.0).row()["harness_share"] is None


def test_the_first_message_waits_for_the_queues_and_both_sides() -> None:
    setup = {"declare_s": 1.0, "connect_s": 2.0, "join_s": 4.0}
    assert trial(turn(), setup=setup, first_message_s=0.5).row()["first_message_s"] == 7.5


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "valid"),
        ({"failure": "1 lost of 100 messages"}, "invalid"),
        ({"failure": "it cannot", "unsupported": True}, "skipped"),
    ],
)
def test_a_row_is_valid_unless_something_failed_or_could_not_be_done(
    changes: dict[str, Any], status: str
) -> None:
    row = trial(turn(), **changes).row()
    assert (row["status"], row["reason"]) == (status, changes.get("failure", ""))


def test_no_row_has_the_password() -> None:
    row = trial(turn()).row()
    assert row["broker_url"] == "amqp://…@host"
    assert "secret" not in repr(row)


def test_bytes_on_the_wire_are_for_each_message_and_empty_unless_known_of_every_turn() -> None:
    carried = Traffic(sent_bytes=9_000, received_bytes=12_000)
    row = trial(turn(traffic=carried), turn(traffic=carried)).row()
    assert (row["sent_bytes_per_message"], row["received_bytes_per_message"]) == (90, 120)
    assert trial(turn(traffic=carried), turn()).row()["sent_bytes_per_message"] is None
