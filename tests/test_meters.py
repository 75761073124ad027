"""Meters read real processes and this host; what they make of the figures is pure."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import meters
from bench.bottleneck import bottleneck
from bench.meters import (
    HostMeter,
    HostNoise,
    HostSnapshot,
    ProcessReading,
    ProcessSnapshot,
    cpu_seconds,
    noise_between,
    processes_between,
    read_host,
    read_processes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Each says a line when it has done its work, and ends when its input does.
BUSY = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])"


@contextmanager
def started(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has done its work and waits; it and its children are killed on exit, if not before."""
    arguments = [sys.executable, "-c", code]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.kill()
        process.wait()


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[bytes]]:
    with started(BUSY) as process:
        yield process


def reading(pid: int, cpu_s: float, created_s: float = 1.0) -> ProcessReading:
    return ProcessReading(pid=pid, created_s=created_s, cpu_user_s=cpu_s, cpu_system_s=0, rss_bytes=100)


def snapshot(*roots: ProcessReading, descendants: tuple[ProcessReading, ...] = ()) -> ProcessSnapshot:
    return ProcessSnapshot(roots=roots, descendants=descendants, missing=())


def test_a_process_is_charged_the_cpu_time_it_used(busy: subprocess.Popen[bytes]) -> None:
    before = read_processes([busy.pid])
    assert before.roots[0].cpu_user_s + before.roots[0].cpu_system_s >= 0.28  # 0.3 less two ticks of rounding
    assert processes_between(before, before).cpu_s == 0
    assert before.rss_bytes == before.roots[0].rss_bytes > 1_000_000


def test_work_of_a_child_is_charged_to_the_process_that_was_asked_for() -> None:
    with started(PARENT) as parent:
        snapshot = read_processes([parent.pid])
        (child,) = snapshot.descendants
        assert child.cpu_user_s + child.cpu_system_s >= 0.28
        assert (cpu_seconds([parent.pid]) or 0) >= child.cpu_user_s


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the times of children that have ended")
def test_work_of_a_child_that_has_ended_is_not_lost() -> None:
    before = read_processes([os.getpid()])
    with started(BUSY):
        pass
    used = processes_between(before, read_processes([os.getpid()]))
    assert (used.cpu_s or 0) >= 0.28


def test_a_process_asked_for_beside_its_parent_counts_once(busy: subprocess.Popen[bytes]) -> None:
    both = read_processes([os.getpid(), busy.pid, busy.pid])
    assert [reading.pid for reading in both.roots] == [os.getpid(), busy.pid]
    assert busy.pid not in [reading.pid for reading in both.descendants]


def test_a_process_that_has_gone_is_a_value() -> None:
    with started(BUSY) as process:
        before = read_processes([process.pid])
        end(process)
    after = read_processes([process.pid])
    used = processes_between(before, after)
    assert after.missing == used.missing == (process.pid,)
    assert used.cpu_s is used.cpu_user_s is used.rss_bytes is after.rss_bytes is None
    assert cpu_seconds([process.pid]) is None


def test_no_processes_have_no_cpu_time() -> None:
    assert cpu_seconds([]) is None


def test_another_process_with_the_same_pid_is_not_taken_for_the_first() -> None:
    used = processes_between(snapshot(reading(7, 5.0)), snapshot(reading(7, 9.0, created_s=2.0)))
    assert used.missing == (7,)
    assert used.cpu_s is None


def test_a_child_that_came_counts_from_its_start() -> None:
    used = processes_between(snapshot(reading(7, 5)), snapshot(reading(7, 6), descendants=(reading(8, 2),)))
    assert used.cpu_s == 3


def test_a_child_that_nobody_waited_for_never_makes_the_use_negative() -> None:
    used = processes_between(snapshot(reading(7, 5), descendants=(reading(8, 4),)), snapshot(reading(7, 6)))
    assert used.cpu_s == 0


def host(
    at_s: float = 0.0, busy_s: float = 0.0, steal_s: float | None = 0.0, **others: float
) -> HostSnapshot:
    return HostSnapshot(
        at_ns=round(at_s * 1e9),
        cores=2,
        busy_s=busy_s,
        steal_s=steal_s,
        pressure_s=others.get("pressure_s", 0.0),
        context_switches=round(others.get("switches", 0)),
    )


def test_noise_is_what_happened_between_the_snapshots_and_was_not_ours() -> None:
    later = host(at_s=10, busy_s=12, steal_s=1, pressure_s=2.5, switches=500)
    assert noise_between(host(), later, ours_cpu_s=9) == HostNoise(
        elapsed_s=10,
        cores=2,
        busy_cores=1.2,
        others_cores=0.3,
        steal_share=0.05,
        cpu_pressure_share=0.25,
        context_switches_per_s=50,
    )


def test_what_the_platform_does_not_say_stays_unknown() -> None:
    silent = HostSnapshot(at_ns=0, cores=2, busy_s=0, steal_s=None, pressure_s=None, context_switches=None)
    noise = noise_between(silent, replace(silent, at_ns=10**9, busy_s=1.0), ours_cpu_s=None)
    assert noise.others_cores is noise.steal_share is noise.cpu_pressure_share is None
    assert noise.context_switches_per_s is None
    assert noise.busy_cores == 1


@pytest.mark.parametrize("later", [host(at_s=0), host(at_s=-1), host(at_s=1, busy_s=-1)])
def test_snapshots_in_the_wrong_order_are_refused(later: HostSnapshot) -> None:
    with pytest.raises(ValueError, match="wrong order"):
        noise_between(host(), later, ours_cpu_s=0)


positive = st.floats(0, 1e6)


@given(
    elapsed_s=st.floats(0.01, 1e5), busy_s=positive, ours_s=positive, steal_s=positive, pressure_s=positive
)
def test_shares_are_between_nothing_and_everything(
    elapsed_s: float, busy_s: float, ours_s: float, steal_s: float, pressure_s: float
) -> None:
    later = host(at_s=elapsed_s, busy_s=busy_s, steal_s=steal_s, pressure_s=pressure_s)
    noise = noise_between(host(), later, ours_cpu_s=ours_s)
    assert noise.steal_share is not None
    assert noise.cpu_pressure_share is not None
    assert noise.others_cores is not None
    assert 0 <= noise.steal_share <= 1
    assert 0 <= noise.cpu_pressure_share <= 1
    assert 0 <= noise.others_cores <= noise.busy_cores


def test_our_own_work_is_busy_but_not_noise() -> None:
    meter = HostMeter(own=[os.getpid()])
    until_s = time.process_time() + 0.3
    while time.process_time() < until_s:
        pass
    noise = meter.noise()
    assert noise.others_cores is not None
    assert noise.busy_cores - noise.others_cores >= 0.28 / noise.elapsed_s
    assert noise.cores == psutil.cpu_count()


def test_noise_of_others_is_unknown_once_a_process_of_ours_has_ended() -> None:
    with started(BUSY) as process:
        meter = HostMeter(own=[process.pid])
        end(process)
    assert meter.noise().others_cores is None


def test_a_host_snapshot_carries_the_time_of_the_clock_that_it_was_given() -> None:
    assert read_host(lambda: 123).at_ns == 123


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("some avg10=0.00 avg60=0.00 avg300=0.00 total=5012031\nfull avg10=0.00 total=7\n", 5.012031),
        ("full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n", None),
        ("", None),
        (None, None),
    ],
)
def test_cpu_pressure_is_the_total_of_some_or_unknown(
    tmp_path: Path, text: str | None, seconds: float | None
) -> None:
    if text is not None:
        (tmp_path / "cpu").write_text(text, encoding="ascii")
    assert meters._read_pressure_s(tmp_path / "cpu") == seconds


def noise(others: float = 0.05, steal: float = 0.0, cores: int = 2) -> HostNoise:
    return HostNoise(
        elapsed_s=10,
        cores=cores,
        busy_cores=1,
        others_cores=others,
        steal_share=steal,
        cpu_pressure_share=0.0,
        context_switches_per_s=None,
    )


@pytest.mark.parametrize(
    ("verdict", "client", "broker", "around"),
    [
        # Two cores, nearly full: the client has filled the one that it can use.
        ("client", 0.95, 0.90, noise()),
        ("client", 0.95, None, None),
        ("client", 0.97, 3.0, noise(cores=8)),
        # Stolen time hides from every share; a client that still filled its core was the limit all the same.
        ("host", 0.80, 0.60, noise(steal=0.12)),
        ("client", 0.92, 0.60, noise(steal=0.12)),
        # Full, and neither at a limit of its own.
        ("host", 0.80, 1.15, noise()),
        ("host", 0.60, 0.40, noise(others=0.95)),
        ("broker", 0.40, 1.50, noise()),
        # Stolen cores are no cores: with them these two would not be full.
        ("host", 0.80, 1.00, noise(steal=0.04)),
        ("unclear", 0.80, 1.00, noise()),
        # Cores are left and nobody is at a limit: a window, a disk, a process of the broker's.
        ("unclear", 0.50, 0.60, noise()),
        ("unclear", 0.70, 1.60, noise(cores=8)),
        ("unclear", None, None, None),
    ],
)
def test_the_limit_of_a_case_is_told_from_what_was_used(
    verdict: str, client: float | None, broker: float | None, around: HostNoise | None
) -> None:
    assert bottleneck(client_cores=client, broker_cores=broker, noise=around).verdict == verdict


@pytest.mark.parametrize(
    ("verdict", "client", "broker"), [("broker", 0.5, 0.95), ("unclear", 0.93, 0.95), ("client", 0.95, 0.3)]
)
def test_a_broker_with_one_event_loop_is_full_at_one_core(verdict: str, client: float, broker: float) -> None:
    found = bottleneck(client_cores=client, broker_cores=broker, noise=noise(cores=8), broker_max_cores=1)
    assert found.verdict == verdict


def test_a_quota_makes_a_machine_full_before_its_cores_are() -> None:
    inside = bottleneck(client_cores=0.6, broker_cores=0.4, noise=noise(others=0.0, cores=16), usable_cores=1)
    assert inside.verdict == "host"
    assert "1 cores" in inside.why


@pytest.mark.parametrize(("delivered", "verdict"), [(1000, "rate"), (991, "rate"), (980, "client")])
def test_a_schedule_that_was_kept_is_the_limit(delivered: float, verdict: str) -> None:
    found = bottleneck(
        client_cores=0.95, broker_cores=0.2, noise=noise(), rate_per_s=delivered, target_rate_per_s=1000
    )
    assert found.verdict == verdict
    assert f"{delivered:,} of 1,000 messages a second" in found.why


@pytest.mark.parametrize(
    ("verdict", "client", "broker", "delivered"),
    [
        ("delivery", 0.4, 0.3, 600),
        ("delivery", 0.4, None, 600),
        ("client", 0.95, 0.3, 600),
        ("rate", 0.4, 0.3, 995),
    ],
)
def test_messages_that_piled_up_in_the_broker_clear_the_publishing_side(
    verdict: str, client: float, broker: float | None, delivered: float
) -> None:
    found = bottleneck(
        client_cores=client, broker_cores=broker, noise=noise(), rate_per_s=delivered, target_rate_per_s=1000,
        piled_up=4321,
    )  # fmt: skip
    assert found.verdict == verdict
    assert "4,321 messages waiting in the broker when the last was sent" in found.why


def test_the_figures_that_led_to_a_verdict_are_in_its_sentence() -> None:
    found = bottleneck(client_cores=0.951, broker_cores=0.9, noise=noise(steal=0.004))
    expected = "client 0.95, broker 0.90 and others 0.05 of 2 cores, 0.4 % stolen"
    assert found.why == f"the client's event loop filled its core: {expected}"


def test_a_figure_that_nobody_has_is_said_to_be_unknown() -> None:
    found = bottleneck(client_cores=0.5, broker_cores=None, noise=None)
    assert found.why == "nobody was at a limit: client 0.50, broker unknown and others unknown"
