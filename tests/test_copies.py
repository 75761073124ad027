"""Accounting of a fan-out: each copy by itself, whoever else had the message."""

from __future__ import annotations

from bench.driver.copies import FanOutLedger
from bench.payload import STAMP, Account, Inbox, keys

SIZE = 32


def taken(*sequence: int) -> Inbox:
    inbox = Inbox(SIZE)
    for number in sequence:
        inbox.bodies.append(STAMP.pack(number, 1000, number, 1000))
        inbox.received_ns.append(5000 + number)
    return inbox


def settled(*inboxes: Inbox) -> tuple[Account, list[int]]:
    ledger = FanOutLedger(stamped=True, ordered=True, inboxes=inboxes)
    ledger.expect(iter([keys(0, 0, 3)]))
    for inbox in inboxes:
        ledger.settle(inbox)
    latencies = list(ledger.latencies_ns)
    return ledger.close(), latencies


def test_every_copy_is_received_once() -> None:
    account, latencies = settled(taken(0, 1, 2), taken(0, 1, 2))
    assert account == Account(received=6)
    assert latencies == [4000, 4001, 4002] * 2


def test_a_copy_that_one_consumer_lacks_is_lost_even_if_another_had_it_twice() -> None:
    account, _ = settled(taken(0, 2), taken(0, 1, 1, 2))
    assert account == Account(received=5, lost=1, duplicated=1)


def test_order_is_that_of_each_consumer() -> None:
    account, _ = settled(taken(0, 1, 2), taken(1, 0, 2))
    assert account == Account(received=6, reordered=1)
