"""What the URLs of brokers have in common: how one is taken apart, and what may be wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from bench.brokers.origin import without_password
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection


def taken_apart(url: str, form: str) -> SplitResult:
    """Raises UsageError for what is no URL at all, with the form that one has."""
    try:
        return urlsplit(url)
    except ValueError:
        raise UsageError(f"{without_password(url)!r} is not a URL; write {form}") from None


def problems_of(parts: SplitResult, schemes: Collection[str], *, options: bool = False) -> list[str]:
    """What is wrong with it apart from its path; ``options``: it may have some after a '?'."""
    problems = []
    try:
        port = parts.port
    except ValueError:
        port = -1
    if port is not None and not 1 <= port <= 65535:
        problems.append("its port must be a number from 1 to 65535")
    if not parts.hostname:
        problems.append("it names no host")
    if parts.scheme not in schemes:
        problems.append(f"its scheme must be one of {', '.join(schemes)}")
    if parts.query and not options:
        problems.append("it has options after a '?', which every client reads in its own way")
    if parts.fragment:
        problems.append("it has a fragment (a '#' in a password is written %23)")
    return problems


def bracketed(host: str) -> str:
    """A host as a URL has it: an address of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
