"""A scenario: a workload, independent of client, event loop and broker; frozen, validated, JSON both ways."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

from bench.errors import ScenarioError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Guarantee = Literal["at-most-once", "at-least-once"]
Measure = Literal["end-to-end", "publish", "consume"]
HandlerKind = Literal["none", "sleep", "cpu"]

_UNIT_US = {"us": 1.0, "ms": 1e3, "s": 1e6}


@dataclass(frozen=True, slots=True)
class Handler:
    """What a consumer does with a message before acknowledging it.

    ``none``; ``sleep`` (waits, other messages may be handled meanwhile); ``cpu`` (keeps the event loop
    busy). Written ``none``, ``sleep:5ms``, ``cpu:50us``.
    """

    kind: HandlerKind = "none"
    time_us: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ScenarioError for anything but ``none``, ``sleep:TIME`` or ``cpu:TIME``."""
        if text == "none":
            return cls()
        match = re.fullmatch(r"(sleep|cpu):(\d+(?:\.\d+)?)(us|ms|s)", text)
        if match is None or float(match[2]) <= 0:
            raise ScenarioError(
                f"handler must be none, sleep:TIME or cpu:TIME such as sleep:5ms, got {text!r}"
            )
        kind: HandlerKind = "sleep" if match[1] == "sleep" else "cpu"
        return cls(kind, float(match[2]) * _UNIT_US[match[3]])

    def __str__(self) -> str:
        return "none" if self.kind == "none" else f"{self.kind}:{_plain(self.time_us)}us"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One workload.

    producers, consumers, queues   how many; producer i and consumer j use queues i and j modulo ``queues``
    prefetch                       messages that a consumer may hold unacknowledged
    payload_bytes                  size of a message body
    in_flight                      publishes that one producer may have outstanding
    guarantee                      at-most-once: no confirms, no acks; at-least-once: both
    ack_every                      a consumer acknowledges every n-th message, and with it those before
    persistent                     the broker must keep messages on disk
    handler                        see Handler
    measure                        end-to-end: first publish to last receipt and confirm;
                                   publish: to the last confirm, the queue drained outside;
                                   consume: first to last receipt, the queue filled outside
    warmup_s                       how long a case warms up in each round
    measure_s                      how long a case is measured in each round, over all its slices
    """

    producers: int = 1
    consumers: int = 1
    queues: int = 1
    prefetch: int = 100
    payload_bytes: int = 1024
    in_flight: int = 50
    guarantee: Guarantee = "at-least-once"
    ack_every: int = 1
    persistent: bool = False
    handler: Handler = Handler()  # frozen, so one default may be shared
    measure: Measure = "end-to-end"
    warmup_s: float = 0.5
    measure_s: float = 2.0

    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "guarantee": get_args(Guarantee),
        "measure": get_args(Measure),
    }

    def __post_init__(self) -> None:
        problems = [*self._wrong_types(), *self._out_of_range()] or list(self._contradictions())
        if problems:
            raise ScenarioError("; ".join(problems))

    def _wrong_types(self) -> Iterator[str]:
        for field in fields(self):
            value = getattr(self, field.name)
            wanted = type(field.default)
            fits = isinstance(value, wanted) or (wanted is float and isinstance(value, int))
            if not fits or (isinstance(value, bool) and wanted is not bool):
                yield f"{field.name} must be {_article(wanted)}, got {value!r}"
            elif field.name in self.CHOICES and value not in self.CHOICES[field.name]:
                yield f"{field.name} must be {' or '.join(self.CHOICES[field.name])}, got {value!r}"

    def _out_of_range(self) -> Iterator[str]:
        least = {"payload_bytes": 0}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if isinstance(field.default, int) and value < least.get(field.name, 1):
                yield f"{field.name} must be at least {least.get(field.name, 1)}, got {value}"
            elif isinstance(field.default, float) and not 0 < value < float("inf"):
                yield f"{field.name} must be more than 0 seconds, got {value}"

    def _contradictions(self) -> Iterator[str]:
        if self.queues > min(self.producers, self.consumers):
            yield (
                f"queues must be at most producers ({self.producers}) and consumers ({self.consumers}), "
                f"got {self.queues}: a queue without either measures nothing"
            )
        if self.ack_every > self.prefetch:
            yield (
                f"ack_every must be at most prefetch ({self.prefetch}), got {self.ack_every}: "
                "the broker would wait for an ack that never comes"
            )
        if self.ack_every > 1 and self.handler.kind == "sleep":
            yield (
                f"ack_every must be 1 with handler {self.handler}, got {self.ack_every}: "
                "it would acknowledge messages that are still being handled"
            )

    def with_fields(self, values: Mapping[str, Any]) -> Self:
        """A copy with these fields changed; raises UnknownNameError or ScenarioError."""
        known = {field.name for field in fields(self)}
        for name in values:
            if name not in known:
                raise UnknownNameError("scenario field", name, known)
        return replace(self, **values)

    @classmethod
    def parse_field(cls, name: str, text: str) -> Any:
        """The value of field ``name`` that ``text`` means on a command line or in TOML."""
        defaults = {field.name: field.default for field in fields(cls)}
        if name not in defaults:
            raise UnknownNameError("scenario field", name, defaults)
        default = defaults[name]
        if isinstance(default, Handler):
            return Handler.parse(text)
        if isinstance(default, bool):
            if text.lower() not in {"true", "false", "yes", "no"}:
                raise ScenarioError(f"{name} must be true or false, got {text!r}")
            return text.lower() in {"true", "yes"}
        if isinstance(default, str):
            return text
        try:
            return int(text) if isinstance(default, int) else float(text)
        except ValueError:
            raise ScenarioError(f"{name} must be {_article(type(default))}, got {text!r}") from None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "handler": str(self.handler)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls().with_fields({**data, "handler": Handler.parse(data.get("handler", "none"))})


def _plain(number: float) -> str:
    """To six decimals, never with an exponent."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _article(kind: type) -> str:
    return {
        int: "a whole number",
        float: "a number of seconds",
        bool: "true or false",
        str: "a word",
        Handler: "a Handler",
    }[kind]
