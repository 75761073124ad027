"""A scenario: a workload, independent of client, event loop and broker; frozen, validated, JSON both ways."""

from __future__ import annotations

from dataclasses import Field, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

from bench.arrivals import Arrivals, Schedule
from bench.errors import ScenarioError, UnknownNameError
from bench.handler import Handler
from bench.mix import Mix
from bench.scenario.contradictions import contradictions, two_sizes
from bench.scenario.limits import out_of_range, too_large

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Guarantee = Literal["at-most-once", "at-least-once"]
Measure = Literal["end-to-end", "publish", "consume"]
QueueType = Literal["classic", "quorum", "stream"]
Delivery = Literal["push", "pull"]
Load = Literal["closed", "bounded", "open", "open-bounded"]

_PAYLOAD_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One workload.

    producers, consumers, queues   how many; producer i and consumer j use queues i and j modulo ``queues``
    prefetch                       messages that a consumer may hold unacknowledged
    payload_bytes                  size of a message body
    payload_mix                    instead of that, sizes and ranges with weights: see bench/mix.py;
                                   payload_bytes is then their mean
    in_flight                      publishes that one producer may have outstanding
    rate_per_s                     messages a second of all producers together, sent when they are due
                                   (an open load); None: each as soon as a lane is free (a closed one)
    schedule                       instead of that, rates over time: see bench/arrivals.py
    arrivals                       of an open load: constant gaps, or poisson
    max_outstanding                messages that may be between publish and receipt at once; None: any number
    fan_out                        every consumer gets every message, none is shared out
    topics                         a queue's messages are spread over so many topics, to all of which its
                                   consumers subscribe by one pattern; None: nothing is routed by topic
    churn                          a producer connects anew for each message, and leaves after it
    request_reply                  each message is a request, which a consumer answers; its lane waits for it
    delivery                       push: the broker sends messages as they come; pull: consumers ask for
                                   them; None: the way that the protocol, or its client, is made for
    requeue_every                  a consumer returns every n-th message to the broker when it first comes,
                                   and it has to come again; None: none
    guarantee                      at-most-once: no confirms, no acks; at-least-once: both
    ack_every                      a consumer acknowledges every n-th message, and with it those before
    persistent                     the broker must keep messages on disk
    queue_type                     of an AMQP queue: classic, quorum or stream; None: the broker's default
    partitions                     of each queue (a topic of Kafka); None: one for each of its consumers
    replication                    copies of each message that the broker's nodes keep: the replication factor
                                   of Kafka, replicas of JetStream, the group of a quorum queue
    handler                        what a consumer does with a message: see bench/handler.py
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
    payload_bytes: int = _PAYLOAD_BYTES
    payload_mix: Mix | None = None
    in_flight: int = 50
    rate_per_s: float | None = None
    schedule: Schedule | None = None
    arrivals: Arrivals = "constant"
    max_outstanding: int | None = None
    fan_out: bool = False
    topics: int | None = None
    churn: bool = False
    request_reply: bool = False
    delivery: Delivery | None = None
    requeue_every: int | None = None
    guarantee: Guarantee = "at-least-once"
    ack_every: int = 1
    persistent: bool = False
    queue_type: QueueType | None = None
    partitions: int | None = None
    replication: int = 1
    handler: Handler = Handler()  # noqa: RUF009  # frozen, so one default may be shared
    measure: Measure = "end-to-end"
    warmup_s: float = 0.5
    measure_s: float = 2.0

    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "guarantee": get_args(Guarantee),
        "measure": get_args(Measure),
        "arrivals": get_args(Arrivals),
        "queue_type": get_args(QueueType),
        "delivery": get_args(Delivery),
    }
    OPTIONAL: ClassVar[dict[str, type]] = {
        "payload_mix": Mix,
        "rate_per_s": float,
        "schedule": Schedule,
        "max_outstanding": int,
        "queue_type": str,
        "delivery": str,
        "topics": int,
        "partitions": int,
        "requeue_every": int,
    }
    """Fields that may be None, written ``none``, and what they are if not."""

    def __post_init__(self) -> None:
        problems = [*self._wrong_types(), *self._out_of_range()]
        if not problems:
            if self.payload_mix is not None and self.payload_bytes == _PAYLOAD_BYTES:
                object.__setattr__(self, "payload_bytes", self.payload_mix.mean_bytes)
            problems = list(too_large(self)) or list(contradictions(self))
        if problems:
            raise ScenarioError("; ".join(problems))

    def _wrong_types(self) -> Iterator[str]:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name in self.OPTIONAL:
                continue
            wanted = self._kind(field)
            fits = isinstance(value, wanted) or (wanted is float and isinstance(value, int))
            if not fits or (isinstance(value, bool) and wanted is not bool):
                yield f"{field.name} must be {_article(wanted)}, got {value!r}"
            elif field.name in self.CHOICES and value not in self.CHOICES[field.name]:
                yield f"{field.name} must be {' or '.join(self.CHOICES[field.name])}, got {value!r}"

    def _out_of_range(self) -> Iterator[str]:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, bool) and isinstance(value, int | float):
                yield from out_of_range(field.name, value, whole=self._kind(field) is int)

    @property
    def least_bytes(self) -> int:
        """The size of the smallest body."""
        return self.payload_bytes if self.payload_mix is None else self.payload_mix.least_bytes

    @property
    def most_bytes(self) -> int:
        """The size of the largest body."""
        return self.payload_bytes if self.payload_mix is None else self.payload_mix.most_bytes

    @property
    def shared_partitions(self) -> bool:
        """A consumer may read several partitions, between which there is no order."""
        readers = 1 if self.fan_out else self.consumers
        return self.partitions is not None and self.partitions * self.queues > readers

    @property
    def paced(self) -> bool:
        """Messages have a time at which they are due: the load is open."""
        return self.rate_per_s is not None or self.schedule is not None

    @property
    def load_model(self) -> Load:
        """What decides when a message is sent, in the word of the results."""
        if self.paced:
            return "open" if self.max_outstanding is None else "open-bounded"
        return "closed" if self.max_outstanding is None else "bounded"

    def scheduled(self, time_s: float) -> Schedule | None:
        """The rates of a turn: the whole schedule, or one rate for so long; None for a closed load."""
        if self.schedule is not None or self.rate_per_s is None:
            return self.schedule
        return Schedule.level(self.rate_per_s, time_s)

    @classmethod
    def _kind(cls, field: Field[Any]) -> type:
        return cls.OPTIONAL.get(field.name, type(field.default))

    def with_fields(self, values: Mapping[str, Any]) -> Self:
        """A copy with these fields changed; raises UnknownNameError or ScenarioError.

        A size that is named beside a mix is never taken for one that was left out.
        """
        known = {field.name for field in fields(self)}
        for name in values:
            if name not in known:
                raise UnknownNameError("scenario field", name, known)
        mixed_anew = values.get("payload_mix", self.payload_mix) != self.payload_mix
        changed = replace(self, **({"payload_bytes": _PAYLOAD_BYTES} if mixed_anew else {}) | dict(values))
        if changed.payload_bytes != values.get("payload_bytes", changed.payload_bytes):
            raise ScenarioError(two_sizes(values["payload_bytes"], str(changed.payload_mix)))
        return changed

    @classmethod
    def parse_field(cls, name: str, text: str) -> Any:
        """The value of field ``name`` that ``text`` means on a command line or in TOML."""
        kinds = {field.name: cls._kind(field) for field in fields(cls)}
        if name not in kinds:
            raise UnknownNameError("scenario field", name, kinds)
        kind = kinds[name]
        if name in cls.OPTIONAL and text.lower() == "none":
            return None
        if kind in (Handler, Mix, Schedule):
            return kind.parse(text)
        if kind is bool:
            if text.lower() not in {"true", "false", "yes", "no"}:
                raise ScenarioError(f"{name} must be true or false, got {text!r}")
            return text.lower() in {"true", "yes"}
        if kind is str:
            return text
        try:
            return kind(text)
        except ValueError:
            raise ScenarioError(f"{name} must be {_article(kind)}, got {text[:100]!r}") from None

    def to_json(self) -> dict[str, Any]:
        """Values that CSV and JSON can hold: those with a text of their own as that text."""
        kinds = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: str(value) if isinstance(value, Handler | Mix | Schedule) else value
            for name, value in kinds.items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        names = ("handler", "payload_mix", "schedule")
        texts = {name: text for name in names if isinstance(text := data.get(name), str)}
        return cls().with_fields({**data, **{name: cls.parse_field(name, texts[name]) for name in texts}})


def _article(kind: type) -> str:
    return {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a word",
        Handler: "a Handler",
        Mix: "a Mix",
        Schedule: "a Schedule",
    }[kind]
