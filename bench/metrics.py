"""The live figures of a run for Prometheus and what reads its format, served by the parent.

Never by a process that is measured: a scrape costs the parent a fraction of a millisecond, in a thread of its
own, while workers do their turns.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from bench.errors import UsageError
from bench.histogram import percentile_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.runner import Progress
    from bench.trial.turn import Turn

    Tell = Callable[[Progress], None]

_OF_A_CASE = ("scenario", "point", "client", "loop", "protocol")
_WRONG = ("lost", "duplicated", "reordered", "corrupted")
QUANTILES = {"0.5": 50.0, "0.99": 99.0}


class Figures:
    """What is known so far, as metrics; ``told`` is given everything that happens."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()  # without what the library says of our own process
        self._rate = self._gauge("rate_messages_per_second", "Delivered and verified, in the last turn")
        self._latency = self._gauge("latency_seconds", "End to end, in the last turn", "quantile")
        self._received = self._counter("messages_received", "Delivered and verified, in measured turns")
        self._wrong = self._counter("messages_wrong", "Lost, duplicated, reordered or corrupted", "kind")
        self._cpu = self._counter("client_cpu_seconds", "CPU time of the worker in measured turns")
        self._broker_cpu = self._counter("broker_cpu_seconds", "CPU time of the broker, where it is ours")
        self._invalid = self._counter("rounds_invalid", "Rounds of a case that are not valid")
        self._done = Gauge("mqbench_turns_done", "Turns that are over", registry=self.registry)
        self._planned = Gauge("mqbench_turns_planned", "Turns of the whole run", registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"mqbench_{name}", meaning, (*_OF_A_CASE, *labels), registry=self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"mqbench_{name}", meaning, (*_OF_A_CASE, *labels), registry=self.registry)

    def told(self, progress: Progress) -> None:
        if progress.total:
            self._done.set(progress.done)
            self._planned.set(progress.total)
        if progress.case is None:
            return
        case = progress.case
        labels = (case.scenario_name, case.point, case.client, case.loop, case.protocol)
        if progress.failure is not None:
            self._invalid.labels(*labels).inc()
        if progress.turn is not None:
            self._turn(labels, progress.turn)

    def _turn(self, labels: tuple[str, ...], turn: Turn) -> None:
        self._rate.labels(*labels).set(turn.rate_per_s)
        self._received.labels(*labels).inc(turn.account.received)
        for kind in _WRONG:
            self._wrong.labels(*labels, kind).inc(getattr(turn.account, kind))
        self._cpu.labels(*labels).inc(turn.usage.cpu_user_s + turn.usage.cpu_system_s)
        if turn.broker_cpu_s is not None:
            self._broker_cpu.labels(*labels).inc(turn.broker_cpu_s)
        for quantile, percentile in QUANTILES.items():
            if (latency_us := percentile_or_none(turn.latency, percentile)) is not None:
                self._latency.labels(*labels, quantile).set(latency_us / 1e6)


@contextmanager
def served(host: str, port: int, *, say: Callable[[str], None], tell: Tell) -> Iterator[Tell]:
    """Serves until the block is left; yields what to tell instead, which tells on. Port 0 is a free one.

    Raises UsageError where the address cannot be had.
    """
    figures = Figures()
    try:
        server, thread = start_http_server(port, addr=host, registry=figures.registry)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"metrics cannot be served on {host}:{port} ({reason}); name another port, or 0 for a free one"
        ) from error
    say(f"metrics: http://{host}:{server.server_port}/metrics")

    def told(progress: Progress) -> None:
        figures.told(progress)
        tell(progress)

    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
