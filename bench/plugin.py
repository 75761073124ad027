"""A pytest plugin: the fixture ``mqbench`` measures a scenario, and pytest-benchmark gets what came of it.

A test of a library's own suite::

    def test_publish(mqbench):
        mqbench("publish", client="aio-pika", broker="embedded", payload_bytes=32)

It is run by the command in a process of its own, so that nothing of pytest (its filters of warnings,
coverage, captured output) is near what is measured. pytest-benchmark's data are seconds per message, **one
value a round**: its statistics take each value for an independent sample, which a round is (fresh processes)
and a slice of a round is not. A row that is invalid, skipped or missing fails the test.
"""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bench.exports.cases import Exported

HAS_BENCHMARK = importlib.util.find_spec("pytest_benchmark") is not None
GRACE_S = 30.0
"""How long an interrupted run may take to stop its broker and its workers."""

_OPTIONS = ("client", "loop", "broker", "python", "consumer_client", "rounds", "slices", "seed", "limit")
_MARKER = (
    f"mqbench(scenario, *, {', '.join(_OPTIONS)}, **fields): "
    "what the fixture mqbench measures where the test does not say otherwise"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a test gets back; ``rates_per_s`` and ``seconds_per_message`` have a value a round."""

    folder: Path
    rates_per_s: tuple[float, ...]
    seconds_per_message: tuple[float, ...]
    facts: dict[str, Any]


class Clock:
    """The time that pytest-benchmark sees: it moves by what a message took, when it is told to."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._next_s: list[float] = []

    def now_s(self) -> float:
        return self._now_s

    def play(self, durations_s: Sequence[float]) -> None:
        self._next_s = list(durations_s)[::-1]

    def begin(self) -> None:
        """From 0 each time, so that the difference of two readings is the very number that was measured."""
        self._now_s = 0.0

    def pass_on(self) -> None:
        if self._next_s:
            self._now_s += self._next_s.pop()


CLOCK = pytest.StashKey[Clock]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """pytest-benchmark takes a test's timer from its marker, before any fixture is made."""
    for item in items:
        if "mqbench" in getattr(item, "fixturenames", ()) and HAS_BENCHMARK:
            clock = item.stash[CLOCK] = Clock()
            given = item.get_closest_marker("benchmark")
            options = {**(given.kwargs if given else {}), "timer": clock.now_s}
            item.add_marker(pytest.mark.benchmark(**options), append=False)


if HAS_BENCHMARK:

    @pytest.fixture
    def mqbench(
        request: pytest.FixtureRequest, benchmark: Any, tmp_path_factory: pytest.TempPathFactory
    ) -> Callable[..., Measured]:
        """Measures a scenario with one client on one loop, and hands it to pytest-benchmark.

        ``mqbench(scenario, *, client, loop="asyncio", broker="auto", rounds=5, **fields)``: options of
        ``mqbench run``, and any field of a scenario. What the marker ``mqbench`` says is the default.
        """
        folder = tmp_path_factory.mktemp("mqbench")

        def measure(*scenario: str, **asked: Any) -> Measured:
            marker = request.node.get_closest_marker("mqbench")
            chosen = scenario or (marker.args if marker else ())
            wanted = {**(marker.kwargs if marker else {}), **asked}
            measured = _measured(chosen, wanted, folder / "run", quick=benchmark.disabled)
            if isinstance(measured, str):
                _fail(benchmark, measured)
            clock = request.node.stash[CLOCK]
            clock.play(measured.seconds_per_message)
            benchmark.extra_info.update(measured.facts)
            benchmark.pedantic(clock.pass_on, setup=clock.begin, rounds=len(measured.rates_per_s))
            return measured

        return measure

else:

    @pytest.fixture
    def mqbench() -> NoReturn:
        """Says what is missing."""
        pytest.fail(
            "the fixture mqbench needs pytest-benchmark: pip install 'mqbench[pytest]'", pytrace=False
        )


def _fail(benchmark: Any, reason: str) -> NoReturn:
    """Fails the test; pytest-benchmark is told, or it would warn that the fixture was not used."""

    def unsound() -> NoReturn:
        raise RuntimeError(reason)

    with contextlib.suppress(RuntimeError):
        benchmark.pedantic(unsound)
    pytest.fail(reason, pytrace=False)


def _measured(
    scenario: Sequence[str], wanted: dict[str, Any], folder: Path, *, quick: bool
) -> Measured | str:
    """What was measured, or why that is nothing that may be used."""
    from bench import results  # noqa: PLC0415  # numpy, which a suite without such a test need not load
    from bench.errors import BenchError  # noqa: PLC0415  # see above
    from bench.exports.cases import exported  # noqa: PLC0415  # see above

    try:
        words = command(scenario, wanted, quick=quick)
        failure = _run([*words, "--output", str(folder), "--quiet", "--format", "json"])
        if failure is not None:
            return failure
        stored = results.load(folder)
    except BenchError as error:
        return f"mqbench: {error}"
    good, left_out = exported(stored.rows)
    if left_out or len(good) != 1:
        return f"mqbench: {'; '.join(left_out) or 'no case was measured'}"
    (case,) = good
    return Measured(
        folder=folder,
        rates_per_s=case.rates_per_s,
        seconds_per_message=case.seconds_per_message,
        facts=_facts(case, stored.facts),
    )


def _facts(case: Exported, run: dict[str, Any]) -> dict[str, Any]:
    rate = case.rate
    return {
        **case.facts,
        **case.medians,
        "rate_per_s": case.rate_per_s,
        "rate_low_per_s": rate.low if rate else None,
        "rate_high_per_s": rate.high if rate else None,
        "data_are": "seconds per message, one value a round",
        "seed": run.get("seed"),
        "mqbench_version": run.get("mqbench_version"),
    }


def command(scenario: Sequence[str], wanted: dict[str, Any], *, quick: bool) -> list[str]:
    """The words of ``mqbench run`` for what a test asked for; raises BenchError where they make no sense."""
    from bench import catalogue  # noqa: PLC0415  # see _measured
    from bench.errors import UsageError  # noqa: PLC0415  # see _measured
    from bench.mixfile import resolved  # noqa: PLC0415  # see _measured
    from bench.scenario import Scenario  # noqa: PLC0415  # see _measured

    options = {name: wanted[name] for name in _OPTIONS if wanted.get(name) is not None}
    options.setdefault("loop", "asyncio")
    fields = {name: _text(value) for name, value in wanted.items() if name not in _OPTIONS}
    if len(scenario) > 1 or "client" not in options:
        raise UsageError(
            'a test measures one scenario with one client, such as mqbench("publish", client="aio-pika")'
        )
    name = scenario[0] if scenario else catalogue.HEADLINE
    values = {field: (Scenario.parse_field(field, resolved(field, text)),) for field, text in fields.items()}
    points = catalogue.find_scenario(name).with_values(values).points
    if len(points) > 1:
        raise UsageError(
            f"{name} has {len(points)} points, and a test measures one: give the fields that vary"
        )
    words = ["run", name, *(f"--set={field}={text}" for field, text in fields.items())]
    words += [f"--{option.replace('_', '-')}={value}" for option, value in options.items()]
    return [*words, "--quick"] if quick else words


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _run(words: Sequence[str]) -> str | None:
    """The command to its end, and how it failed; if interrupted, stops what it started."""
    # -P: a package called bench in the folder of somebody's tests is not ours.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "bench", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, said = process.communicate()
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.communicate(timeout=GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
    if process.returncode == 0:
        return None
    sentences = [line for line in said.splitlines() if line.startswith("mqbench: ")] or said.splitlines()
    ended = f"{' '.join(['mqbench', *words[:2]])} ended with {process.returncode}"
    return "\n".join([ended, *sentences[-3:]])
