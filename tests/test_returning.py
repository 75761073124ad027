"""The ledger of messages that are returned: each is expected twice, and each other end of it is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.catalogue import clients
from bench.driver.returning import ReturningLedger, chosen
from bench.payload import STAMP, STAMP_BYTES, Account, Inbox, filler, keys
from bench.scenario import Scenario

EVERY = 4
SIZE = STAMP_BYTES + 4
CHOSEN, OTHER = 4, 5


def inbox(*deliveries: tuple[int, bool], damaged: tuple[int, ...] = ()) -> Inbox:
    """One to which these keys came, each with whether the broker said that it was delivered before."""
    box = Inbox(SIZE)
    for place, (key, redelivered) in enumerate(deliveries):
        box.bodies.append(STAMP.pack(key, 1, key, 1) + (b"\0" * 4 if place in damaged else filler(SIZE)))
        box.received_ns.append(100 + place)
        box.redelivered.append(redelivered)
    return box


def settled(wanted: range, *boxes: Inbox) -> Account:
    ledger = ReturningLedger(stamped=True, ordered=True, every=EVERY)
    ledger.expect([wanted])
    for box in boxes:
        ledger.settle(box)
    return ledger.close()


@pytest.mark.parametrize(
    ("deliveries", "account"),
    [
        (((CHOSEN, False), (CHOSEN, True)), Account(received=1, requeued=1)),
        (((CHOSEN, False),), Account(lost=1, requeued=1)),
        (((CHOSEN, True),), Account(lost=1)),
        (((CHOSEN, False), (CHOSEN, False)), Account(lost=1, duplicated=1, requeued=1)),
        (((CHOSEN, False), (CHOSEN, True), (CHOSEN, True)), Account(received=1, duplicated=1, requeued=1)),
        ((), Account(lost=1)),
        (((9, False), (CHOSEN, False), (CHOSEN, True)), Account(received=1, duplicated=1, requeued=1)),
    ],
)
def test_a_chosen_message_is_received_when_it_came_new_and_then_again(
    deliveries: tuple[tuple[int, bool], ...], account: Account
) -> None:
    assert settled(keys(0, CHOSEN, 1), inbox(*deliveries)) == account


def test_it_may_come_again_to_another_consumer_whose_inbox_is_settled_first() -> None:
    again, new = inbox((CHOSEN, True)), inbox((CHOSEN, False))
    assert settled(keys(0, CHOSEN, 1), again, new) == Account(received=1, requeued=1)


@pytest.mark.parametrize(
    ("deliveries", "account"),
    [
        (((OTHER, False),), Account(received=1)),
        (((OTHER, False), (OTHER, True)), Account(received=1, duplicated=1)),
        ((), Account(lost=1)),
    ],
)
def test_any_other_message_comes_once(deliveries: tuple[tuple[int, bool], ...], account: Account) -> None:
    assert settled(keys(0, OTHER, 1), inbox(*deliveries)) == account


@pytest.mark.parametrize("damaged", [(0,), (1,), (0, 1)])
def test_a_body_that_changed_on_either_way_is_corrupted_once(damaged: tuple[int, ...]) -> None:
    box = inbox((CHOSEN, False), (CHOSEN, True), damaged=damaged)
    assert settled(keys(0, CHOSEN, 1), box) == Account(corrupted=1, requeued=1)


def test_what_was_on_its_way_back_is_not_reordered_but_what_overtakes_without_is() -> None:
    back = inbox((4, False), (5, False), (6, False), (4, True))
    assert settled(keys(0, 4, 3), back) == Account(received=3, requeued=1)
    overtaken = inbox((4, False), (6, False), (5, False), (4, True))
    assert settled(keys(0, 4, 3), overtaken) == Account(received=3, reordered=1, requeued=1)


def test_latency_is_that_of_the_second_coming() -> None:
    ledger = ReturningLedger(stamped=True, ordered=True, every=EVERY)
    ledger.expect([keys(0, 4, 2)])
    ledger.settle(inbox((4, False), (5, False), (4, True)))
    assert list(ledger.latencies_ns) == [100, 101]
    assert list(ledger.received()) == [4, 5]


@given(st.integers(1, 50), st.integers(0, 9), st.integers(0, 1 << 20))
def test_every_nth_message_of_a_stream_is_chosen(every: int, stream: int, first: int) -> None:
    assert sum(chosen(key, every) for key in keys(stream, first, 3 * every)) == 3


def test_a_client_that_cannot_return_a_message_is_skipped_with_that_reason() -> None:
    able = {"aio-pika", "aiormq", "aioamqp", "pika", "nats-py", "memory"}
    for entry in clients().values():
        why = entry.abilities.shortfall(Scenario(requeue_every=10))
        wanted = f"{entry.name} cannot return messages to the broker (requeue_every=10)"
        assert why == (None if entry.name in able else wanted)
