"""Histograms against exact sorts of the raw samples, and against the hdrhistogram package."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given
from hypothesis import strategies as st

from bench import hlog
from bench.histogram import (
    HIGHEST_US,
    LAST_INDEX,
    SIGNIFICANT_DIGITS,
    Histogram,
    highest_us,
    index_of,
    lowest_us,
    percentile_or_none,
)

if TYPE_CHECKING:
    from pathlib import Path

# Log-uniform, so that every power of two up to an hour is tried, with the values around its edges.
values_us = st.one_of(
    st.integers(0, 4096),
    st.integers(0, 31).flatmap(lambda bits: st.integers(2**bits - 1, min(2 ** (bits + 1) + 1, HIGHEST_US))),
)
samples_us = st.lists(values_us, min_size=1, max_size=200)
percents = st.one_of(st.sampled_from([0.0, 50.0, 90.0, 99.0, 99.9, 100.0]), st.floats(0, 100))
REFERENCE = HdrHistogram(1, HIGHEST_US, SIGNIFICANT_DIGITS)


def histogram_of(us: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.add_all(value * 1000 for value in us)
    return histogram


def hdr_of(us: list[int]) -> HdrHistogram:
    encoded = HdrHistogram(1, HIGHEST_US, SIGNIFICANT_DIGITS)
    for value in us:
        assert encoded.record_value(value)
    return encoded


@given(values_us)
def test_a_bucket_has_the_index_and_bounds_that_hdrhistogram_gives_it(value: int) -> None:
    index = index_of(value)
    assert index == REFERENCE.get_counts_array_index(value)
    assert lowest_us(index) == REFERENCE.get_lowest_equivalent_value(value) <= value
    assert highest_us(index) == REFERENCE.get_highest_equivalent_value(value) >= value


@given(values_us)
def test_a_bucket_is_narrower_than_a_thousandth_of_its_values(value: int) -> None:
    index = index_of(value)
    assert (highest_us(index) - lowest_us(index)) * 1000 < max(value, 1)


@given(samples_us, percents)
def test_percentile_is_the_sample_of_that_rank_to_three_digits(us: list[int], percent: float) -> None:
    histogram = histogram_of(us)
    exact = sorted(us)[histogram.rank(percent) - 1]
    assert index_of(exact) == index_of(histogram.percentile(percent))
    assert abs(histogram.percentile(percent) - exact) * 1000 <= max(exact, 1)


@given(samples_us, percents)
def test_percentile_mean_maximum_and_total_are_those_of_hdrhistogram(us: list[int], percent: float) -> None:
    histogram, encoded = histogram_of(us), hdr_of(us)
    assert histogram.percentile(percent) == encoded.get_value_at_percentile(percent)
    assert histogram.mean == pytest.approx(encoded.get_mean_value())
    assert histogram.total == encoded.get_total_count() == len(us)
    assert histogram.maximum == encoded.get_max_value()


@given(samples_us, samples_us)
def test_merged_histograms_equal_the_histogram_of_all_samples(first: list[int], second: list[int]) -> None:
    merged = histogram_of(first)
    merged.merge(histogram_of(second))
    assert merged == histogram_of(first + second)


@given(st.lists(values_us, max_size=50))
def test_pairs_survive_a_line_of_json(us: list[int]) -> None:
    histogram = histogram_of(us)
    assert Histogram.from_pairs(json.loads(json.dumps(histogram.to_pairs()))) == histogram


def test_merging_leaves_the_other_histogram_as_it_was() -> None:
    other = histogram_of([5])
    Histogram().merge(other)
    target = histogram_of([5])
    target.merge(other)
    assert (other.to_pairs(), target.to_pairs()) == ([5, 1], [5, 2])


def test_latencies_are_rounded_down_to_whole_microseconds_and_below_one_count_as_zero() -> None:
    histogram = Histogram()
    histogram.add_all([0, 999, 1000, 1999, 2000])
    assert histogram.to_pairs() == [0, 2, 1, 2, 2, 1]


def test_a_latency_above_an_hour_counts_as_an_hour() -> None:
    histogram = Histogram()
    histogram.add_all([2 * HIGHEST_US * 1000, 2**62])
    assert histogram.to_pairs() == [LAST_INDEX, 2]
    assert histogram.maximum >= HIGHEST_US


def test_a_negative_latency_is_refused_and_nothing_of_its_batch_is_counted() -> None:
    histogram = Histogram()
    with pytest.raises(ValueError, match="cannot be negative"):
        histogram.add_all([1000, -1])
    assert histogram.total == 0


def test_no_samples_add_nothing() -> None:
    histogram = Histogram()
    histogram.add_all([])
    assert histogram.to_pairs() == []


@pytest.mark.parametrize("what", ["maximum", "mean"])
def test_an_empty_histogram_has_no_maximum_or_mean(what: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        getattr(Histogram(), what)


def test_an_empty_histogram_has_no_percentile() -> None:
    assert percentile_or_none(Histogram(), 50) is None
    with pytest.raises(ValueError, match="empty"):
        Histogram().percentile(50)


@pytest.mark.parametrize("percent", [-0.1, 100.1, float("nan")])
def test_a_percentile_outside_nought_to_a_hundred_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 100"):
        histogram_of([1]).percentile(percent)


@pytest.mark.parametrize(("percent", "needed"), [(50.0, 20), (90.0, 96), (99.0, 951), (99.9, 9501)])
def test_a_percentile_appears_from_ten_samples_beyond_it_on(percent: float, needed: int) -> None:
    enough, short = Histogram({7: needed}), Histogram({7: needed - 1})
    assert enough.total - enough.rank(percent) == 10
    assert percentile_or_none(enough, percent) == 7
    assert percentile_or_none(short, percent) is None


@pytest.mark.parametrize("pairs", [[1], [1, 0], [1, -2], [-1, 1], [LAST_INDEX + 1, 1], [3, 1, 3, 1]], ids=str)
def test_pairs_that_no_histogram_gives_are_refused(pairs: list[int]) -> None:
    with pytest.raises(ValueError, match="a histogram"):
        Histogram.from_pairs(pairs)


def written(path: Path, *intervals: tuple[str, float, float, Histogram]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        hlog.write_header(file, 1_700_000_000.25)
        for interval in intervals:
            hlog.write_interval(file, *interval)
    return path


def test_a_log_gives_back_tags_times_and_counts(tmp_path: Path) -> None:
    first, second = histogram_of([0, 1, 2047, 2048, 70_000]), histogram_of([HIGHEST_US, 3, 3])
    path = written(tmp_path / "l.hlog", ("case1/round1/latency", 0, 2.5, first), ("case2", 2.5, 4, second))
    one, two = hlog.read(path)
    assert one == hlog.Interval(tag="case1/round1/latency", start_s=0, end_s=2.5, histogram=first)
    assert two == hlog.Interval(tag="case2", start_s=2.5, end_s=4, histogram=second)


def test_an_empty_histogram_is_an_interval_too(tmp_path: Path) -> None:
    (interval,) = hlog.read(written(tmp_path / "l.hlog", ("nothing", 0, 0, Histogram())))
    assert interval.histogram == Histogram()


def test_the_reader_of_the_hdrhistogram_package_reads_our_log(tmp_path: Path) -> None:
    us = [12, 15, 4_000, 900_000]
    path = written(tmp_path / "l.hlog", ("case1", 1, 3, histogram_of(us)))
    reader = HistogramLogReader(path, REFERENCE)
    interval = reader.get_next_interval_histogram()
    reader.input_file.close()
    assert interval.get_tag() == "case1"
    assert interval.get_start_time_stamp() == pytest.approx(1_700_000_001_250)
    assert interval.get_end_time_stamp() == pytest.approx(1_700_000_003_250)
    assert [interval.get_count_at_value(value) for value in us] == [1, 1, 1, 1]
    assert interval.get_total_count() == 4


def test_the_interval_maximum_of_a_log_line_is_in_microseconds() -> None:
    file = io.StringIO()
    hlog.write_interval(file, "case1", 0, 1, histogram_of([1500, 20]))
    assert file.getvalue().split(",")[:4] == ["Tag=case1", "0.000000", "1.000000", "1500.000000"]


def test_a_log_of_a_killed_run_gives_what_was_written_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "l.hlog", ("one", 0, 1, histogram_of([5])), ("two", 1, 2, histogram_of([6])))
    path.write_text(path.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    assert [interval.tag for interval in hlog.read(path)] == ["one"]


@pytest.mark.parametrize("line", ["Tag=a,0,1", "Tag=a,0,1,5,HISTxx", "Tag=a,x,1,5,HISTFAAA", "words"])
def test_a_damaged_line_of_a_log_is_named(tmp_path: Path, line: str) -> None:
    path = written(tmp_path / "l.hlog")
    count = len(path.read_text(encoding="utf-8").splitlines())
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=rf"l\.hlog, line {count + 1}: not an interval"):
        hlog.read(path)


def test_a_log_with_other_digits_than_ours_is_refused() -> None:
    with pytest.raises(ValueError, match="3 digits"):
        hlog.from_hdr(HdrHistogram(1, HIGHEST_US, 2))


@pytest.mark.parametrize("tag", ["", "a,b", "a b", "a\nb"])
def test_a_tag_that_would_break_the_log_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="tag"):
        hlog.write_interval(io.StringIO(), tag, 0, 1, histogram_of([1]))


@pytest.mark.parametrize(("start_s", "end_s"), [(-1, 1), (2, 1), (0, float("nan"))])
def test_an_interval_that_ends_before_it_starts_is_refused(start_s: float, end_s: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        hlog.write_interval(io.StringIO(), "a", start_s, end_s, histogram_of([1]))
