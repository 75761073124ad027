"""What every source of brokers has in common: what it can give, whether it is here, how to get it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from bench.brokers.origin import Broker

    Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look at this machine showed: ``detail`` is the version that is here, or the reason why not."""

    available: bool
    detail: str


class Source(Protocol):
    """One way to get one kind of broker. To add one: a module with such an object, a line in ``kinds``."""

    @property
    def kind(self) -> str:
        """Such as ``rabbitmq``."""
        ...

    @property
    def protocol(self) -> str: ...

    @property
    def origin(self) -> str:
        """``native``, ``docker`` or ``embedded``."""
        ...

    @property
    def mend(self) -> str:
        """The command that makes it available."""
        ...

    def find(self) -> Found:
        """Looks without starting anything, within a fraction of a second."""
        ...

    def open(self, say: Say) -> AbstractAsyncContextManager[Broker]:
        """A private broker that answers, gone when the block is left; raises BrokerError."""
        ...
