"""What a row says about its schedule: kept or not, and whether its latency is a figure of the client."""

from __future__ import annotations

from bench.driver.sample import Offered
from bench.histogram import Histogram
from bench.trial import schedule
from bench.trial.schedule import latency_doubt


def slipping(*late_ms: float) -> Histogram:
    histogram = Histogram()
    histogram.add_all([round(value * 1e6) for value in late_ms])
    return histogram


def columns(slip: Histogram, *, rate_per_s: float, client_cores: float) -> dict[str, object]:
    offered = [Offered(scheduled_s=1.0, overruns=3, slip=slip, uncorrected=Histogram())] * 2
    return schedule.columns(offered, messages=2000, rate_per_s=rate_per_s, client_cores=client_cores)


def test_a_rate_that_was_held_on_time_has_a_valid_latency() -> None:
    row = columns(slipping(*[0.1] * 99, 40.0), rate_per_s=999.0, client_cores=0.2)
    assert row == {
        "target_rate_per_s": 1000.0,
        "schedule_kept": True,
        "overruns": 6,
        "latency_valid": True,
        "latency_reason": "",
    }


def test_a_generator_that_is_late_makes_latency_invalid_and_says_by_how_much() -> None:
    row = columns(slipping(*[0.1] * 90, *[20.0] * 10), rate_per_s=1000.0, client_cores=0.2)
    assert (row["schedule_kept"], row["latency_valid"]) == (True, False)
    assert "the generator itself was late: one message in a hundred by 20.0 ms" in str(row["latency_reason"])


def test_a_generator_without_time_makes_latency_invalid() -> None:
    row = columns(slipping(0.1), rate_per_s=900.0, client_cores=0.97)
    assert (row["schedule_kept"], row["latency_valid"]) == (False, False)
    assert "its event loop used 0.97 of its one core" in str(row["latency_reason"])


def test_a_broker_that_is_too_slow_is_no_fault_of_the_generator() -> None:
    row = columns(slipping(0.1), rate_per_s=900.0, client_cores=0.3)
    assert (row["schedule_kept"], row["latency_valid"]) == (False, True)


def test_a_busy_generator_that_keeps_its_rate_is_believed() -> None:
    assert latency_doubt(slipping(0.1), schedule_kept=True, client_cores=0.97) == ""


def test_a_closed_load_has_no_such_columns() -> None:
    assert set(schedule.columns([], messages=9, rate_per_s=1.0, client_cores=None).values()) == {None}
