"""What every broker is to the rest of the harness, wherever it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker that answers at ``url``.

    ``url`` may hold a password and is given to workers only; everything that is shown or stored uses
    ``shown_url``. ``pids`` are the processes that are ours to meter (empty for external and docker).
    """

    kind: str
    origin: str
    protocol: str
    version: str
    pids: tuple[int, ...] = ()
    why: str = ""
    url: str = field(repr=False)

    @property
    def shown_url(self) -> str:
        return without_password(self.url)


def without_password(url: str) -> str:
    """The URL as it may be shown: user name and password replaced by an ellipsis."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc="…@" + parts.netloc.rsplit("@", 1)[1]))
