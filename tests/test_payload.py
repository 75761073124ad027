"""Stamps and the ledger: each kind of surprise is counted once, as what it is."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.payload import STAMP, STAMP_BYTES, Account, Inbox, Ledger, filler, keys


def inbox(*stamps: tuple[int, int], received_ns: int = 100, damaged: tuple[int, ...] = ()) -> Inbox:
    box = Inbox(STAMP_BYTES + 4)
    for place, (key, sent_ns) in enumerate(stamps):
        tail = b"\0\0\0\0" if place in damaged else filler(STAMP_BYTES + 4)
        box.bodies.append(STAMP.pack(key, sent_ns, key, sent_ns) + tail)
        box.received_ns.append(received_ns)
    return box


def settled(wanted: list[range], *boxes: Inbox) -> Account:
    ledger = Ledger(stamped=True)
    ledger.expect(wanted)
    for box in boxes:
        ledger.settle(box)
    return ledger.close()


def test_what_was_expected_and_came_is_received() -> None:
    wanted = keys(3, 10, 5)
    assert settled([wanted], inbox(*((key, 1) for key in wanted))) == Account(received=5)


def test_what_did_not_come_is_lost() -> None:
    wanted = keys(0, 0, 5)
    assert settled([wanted], inbox(*((key, 1) for key in wanted[1:]))) == Account(received=4, lost=1)


def test_what_comes_twice_is_duplicated_even_to_another_consumer() -> None:
    wanted = keys(0, 0, 2)
    first, second = inbox((wanted[0], 1), (wanted[1], 1)), inbox((wanted[1], 1))
    assert settled([wanted], first, second) == Account(received=2, duplicated=1)


def test_what_overtakes_within_a_stream_is_reordered_once() -> None:
    wanted = keys(0, 0, 4)
    box = inbox(*((wanted[index], 1) for index in (0, 2, 1, 3)))
    assert settled([wanted], box) == Account(received=4, reordered=1)


def test_topics_may_overtake_each_other_but_none_itself() -> None:
    wanted = keys(1, 5, 6)
    ledger = Ledger(stamped=True, topics=3)
    for order, reordered in (((2, 1, 0, 5, 4, 3), 0), ((3, 1, 2, 0, 4, 5), 1)):
        ledger.expect([wanted])
        ledger.settle(inbox(*((wanted[index], 1) for index in order)))
        assert ledger.close() == Account(received=6, reordered=reordered)


def test_streams_may_overtake_each_other() -> None:
    one, two = keys(1, 0, 2), keys(2, 0, 2)
    box = inbox((two[0], 1), (one[0], 1), (two[1], 1), (one[1], 1))
    assert settled([one, two], box) == Account(received=4)


def test_consumers_may_overtake_each_other() -> None:
    wanted = keys(0, 0, 4)
    later, earlier = inbox((wanted[1], 1), (wanted[3], 1)), inbox((wanted[0], 1), (wanted[2], 1))
    assert settled([wanted], later, earlier) == Account(received=4)


def test_a_corrupted_body_stands_for_the_message_that_it_was() -> None:
    wanted = keys(0, 0, 2)
    box = inbox((wanted[0], 1), (wanted[1], 1), damaged=(1,))
    assert settled([wanted], box) == Account(received=1, corrupted=1)


def test_a_body_that_grew_between_its_stamp_and_its_filling_is_corrupted() -> None:
    wanted = keys(0, 0, 1)
    box = inbox((wanted[0], 1))
    box.bodies[0] = box.bodies[0][:STAMP_BYTES] + b"more" + box.bodies[0][STAMP_BYTES:]
    assert settled([wanted], box) == Account(corrupted=1)


@pytest.mark.parametrize("body", [b"", b"short", bytes(STAMP_BYTES + 3), bytes(STAMP_BYTES + 5)])
def test_a_body_of_another_length_is_corrupted_and_misplaces_no_other(body: bytes) -> None:
    wanted = keys(0, 1, 3)
    box = inbox((wanted[0], 1), (wanted[1], 1), (wanted[2], 1))
    box.bodies[1] = body
    assert settled([wanted], box) == Account(received=2, corrupted=1)


def test_a_message_of_an_earlier_stretch_is_duplicated() -> None:
    ledger = Ledger(stamped=True)
    ledger.expect([keys(0, 0, 1)])
    ledger.settle(inbox((keys(0, 0, 1)[0], 1)))
    ledger.close()
    ledger.expect([keys(0, 1, 1)])
    ledger.settle(inbox((keys(0, 0, 1)[0], 1), (keys(0, 1, 1)[0], 1)))
    assert ledger.close() == Account(received=1, duplicated=1)


def test_a_message_of_a_stream_that_is_over_is_duplicated() -> None:
    wanted = keys(1, 0, 1)
    assert settled([wanted], inbox((keys(0, 0, 1)[0], 1), (wanted[0], 1))) == Account(
        received=1, duplicated=1
    )


def test_latency_is_from_the_stamp_to_the_receipt() -> None:
    ledger = Ledger(stamped=True)
    wanted = keys(0, 0, 2)
    ledger.expect([wanted])
    ledger.settle(inbox((wanted[0], 40), (wanted[1], 130), received_ns=100))
    assert list(ledger.latencies_ns) == [60, -30]


@given(st.integers(0, STAMP_BYTES * 8 - 1), st.integers(0, 2**20), st.integers(0, 2**40))
def test_any_changed_bit_of_a_stamp_is_seen(bit: int, sequence: int, sent_ns: int) -> None:
    wanted = keys(7, sequence, 1)
    box = inbox((wanted[0], sent_ns))
    body = bytearray(box.bodies[0])
    body[bit // 8] ^= 1 << bit % 8
    box.bodies[0] = bytes(body)
    assert settled([wanted], box) == Account(corrupted=1)


@given(st.lists(st.sampled_from(["keep", "lose", "twice"]), min_size=1, max_size=60), st.integers(0, 9))
def test_counts_are_what_was_done_whatever_the_order(fates: list[str], seed: int) -> None:
    wanted = keys(0, 5, len(fates))
    came = [
        (key, 1)
        for key, fate in zip(wanted, fates, strict=True)
        for _ in range({"keep": 1, "lose": 0, "twice": 2}[fate])
    ]
    random.Random(seed).shuffle(came)
    account = settled([wanted], inbox(*came))
    assert (account.received, account.lost, account.duplicated, account.corrupted) == (
        len(fates) - fates.count("lose"),
        fates.count("lose"),
        fates.count("twice"),
        0,
    )


def test_unstamped_messages_are_counted() -> None:
    ledger = Ledger(stamped=False)
    ledger.expect([keys(0, 0, 3)])
    box = Inbox(3)
    box.bodies.extend([filler(3), filler(3)])
    box.received_ns.extend([1, 1])
    ledger.settle(box)
    assert ledger.close() == Account(received=2, lost=1)


@pytest.mark.parametrize("payload_bytes", [0, 1, 31, 32, 33, 1024, 1 << 20])
def test_a_stamp_and_its_filler_make_the_whole_body(payload_bytes: int) -> None:
    stamp = STAMP_BYTES if payload_bytes >= STAMP_BYTES else 0
    assert stamp + len(filler(payload_bytes)) == payload_bytes


def test_a_large_filler_has_every_byte_value() -> None:
    assert set(filler(1024)) == set(range(256))


def test_an_account_says_what_went_wrong() -> None:
    assert Account(received=7, lost=2, duplicated=1).describe(9) == "2 lost, 1 duplicated of 9 messages"


@pytest.mark.parametrize("wrong", ["lost", "duplicated", "reordered", "corrupted"])
def test_an_account_with_any_surprise_is_not_whole(wrong: str) -> None:
    assert Account(received=9, requeued=3).whole(9)
    assert not Account(received=8).whole(9)
    assert not replace(Account(received=9), **{wrong: 1}).whole(9)
