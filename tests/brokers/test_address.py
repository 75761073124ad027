"""URLs of brokers: what they mean, what is wrong with them, and what of them may be shown."""

from __future__ import annotations

import pytest

from bench.brokers import without_password
from bench.brokers.address import Address
from bench.errors import UsageError


def test_an_address_without_anything_has_the_defaults_of_the_protocol() -> None:
    assert Address.parse("amqp://db1").url == "amqp://guest:guest@db1:5672/"
    assert Address.parse("amqps://db1").url == "amqps://guest:guest@db1:5671/"


def test_a_user_without_a_password_has_none() -> None:
    assert Address.parse("amqp://me@db1").password == ""


def test_special_characters_survive() -> None:
    address = Address.parse("amqp://a%40b:p%2Fw%25@[::1]:7/my%2Fhost")
    assert (address.user, address.password, address.host, address.vhost) == ("a@b", "p/w%", "::1", "my/host")
    assert Address.parse(address.url) == address


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("amqp://", "it names no host"),
        ("amqp://host:0/", "its port must be a number from 1 to 65535"),
        ("amqp://host:65536/", "its port must be a number from 1 to 65535"),
        ("amqp://host:rabbit/", "its port must be a number from 1 to 65535"),
        ("http://host/", "its scheme must be one of amqp, amqps"),
        ("amqp://host/" + "v" * 128, "its virtual host is longer than 127 characters"),
        ("amqp://u:secret#x@host/", "it has a fragment"),
        ("amqp://u:secret?x@host/", "it has options after a '.'"),
        ("amqp://host/?heartbeat=secret", "it has options after a '.'"),
        ("amqp://u:secret@[::1/", "is not a URL"),
    ],
)
def test_a_bad_address_is_said_without_its_password(url: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        Address.parse(url)
    assert "secret" not in str(caught.value)


def test_every_problem_of_an_address_is_said_at_once() -> None:
    with pytest.raises(UsageError, match=r"port must be .*; it names no host"):
        Address.parse("amqp://:99999/")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://host/", "amqp://host/"),
        ("amqp://user:secret@host:1/v", "amqp://…@host:1/v"),
        ("amqp://user:sec/ret@host/", "amqp://…@host/"),
        ("amqp://user:sec@ret@host/", "amqp://…@host/"),
        ("user:secret@host", "…@host"),
        ("redis://host/?password=secret", "redis://host/?…"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_password_is_not_in_the_repr() -> None:
    assert "secret" not in repr(Address.parse("amqp://u:secret@h/"))
