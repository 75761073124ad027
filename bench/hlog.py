"""Histograms as a standard HdrHistogram interval log (``latency.hlog``), written as a run goes and read back.

The format is version 1.2 of https://github.com/HdrHistogram/HdrHistogram, which its own tools, hdr-plot and
HistogramLogAnalyzer read. Values and Interval_Max are whole microseconds; times are seconds since the run
began, which the header's StartTime and BaseTime give as wall time.
"""

from __future__ import annotations

import binascii
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

import numpy as np
from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter

from bench.histogram import HIGHEST_US, LOWEST_US, SIGNIFICANT_DIGITS, Histogram, lowest_us

if TYPE_CHECKING:
    from pathlib import Path

_BROKEN = (
    ValueError,
    TypeError,
    IndexError,
    binascii.Error,
    zlib.error,
    HdrCookieException,
    HdrLengthException,
)
# The format ends a tag at the first comma, and readers take blanks and line ends for its end as well.
_TAG = re.compile(r"[^\s,]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """One histogram of the log: what it is of, from when to when, in seconds since the run began."""

    tag: str | None
    start_s: float
    end_s: float
    histogram: Histogram


def write_header(file: IO[str], started_s: float) -> None:
    """The first lines of a log; ``started_s`` is when the run began, in seconds since the epoch."""
    writer = HistogramLogWriter(file)
    shown = datetime.fromtimestamp(started_s, UTC).isoformat(" ", "milliseconds")
    writer.output_comment("[mqbench latencies: values and Interval_Max in microseconds]")
    writer.output_log_format_version()
    # hdrh's own output_start_time raises (it calls datetime.iso_format), so that line goes out as a comment.
    writer.output_comment(f"[StartTime: {started_s:.3f} (seconds since epoch), {shown}]")
    writer.output_base_time(started_s * 1000)
    writer.output_legend()


def write_interval(file: IO[str], tag: str, start_s: float, end_s: float, histogram: Histogram) -> None:
    """Appends one histogram; a tag has neither blanks nor commas, and names case, round and metric."""
    if not _TAG.fullmatch(tag):
        raise ValueError(f"a tag of a histogram log has no blanks or commas and is not empty, got {tag!r}")
    if not 0 <= start_s <= end_s:
        raise ValueError(
            f"an interval starts at 0 s or later and ends after that, got {start_s} s to {end_s} s"
        )
    encoded = to_hdr(histogram)
    file.write(f"Tag={tag},")
    HistogramLogWriter(file).output_interval_histogram(encoded, start_s, end_s, max_value_unit_ratio=1)


def read(path: Path) -> list[Interval]:
    """Every interval of a log; a last line without its line end is what a killed run left, and is not one.

    ValueError names the line that is no interval of our kind.
    """
    *lines, _unfinished = path.read_text(encoding="utf-8").split("\n")
    numbered = enumerate(lines, start=1)
    return [_interval(path, number, line) for number, line in numbered if line and line[0] not in '#"']


def _interval(path: Path, number: int, line: str) -> Interval:
    tagged = re.match(r"Tag=([^,]*),", line)
    try:
        start, length, _maximum, payload = line[tagged.end() if tagged else 0 :].split(",")
        return Interval(
            tag=tagged and tagged[1],
            start_s=float(start),
            end_s=float(start) + float(length),
            histogram=from_hdr(HdrHistogram.decode(payload)),
        )
    except _BROKEN as error:
        raise ValueError(f"{path.name}, line {number}: not an interval of a latency log ({error})") from error


def to_hdr(histogram: Histogram) -> HdrHistogram:
    """The same counts as the ``hdrhistogram`` package's object."""
    encoded = HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS)
    for index, count in histogram.counts.items():
        encoded.record_value(lowest_us(index), count)
    return encoded


def from_hdr(encoded: HdrHistogram) -> Histogram:
    """The counts of an ``hdrhistogram`` object; ValueError if it has other digits or units than ours."""
    if (encoded.significant_figures, encoded.unit_magnitude) != (SIGNIFICANT_DIGITS, 0):
        raise ValueError(
            f"expected {SIGNIFICANT_DIGITS} digits from 1 us on, got {encoded.significant_figures}"
        )
    # Its buckets are ours. Its own iterator visits every one of them in Python: 50 ms, where this takes 0.1.
    counts = np.ctypeslib.as_array(encoded.counts)
    filled = np.flatnonzero(counts)
    return Histogram(dict(zip(filled.tolist(), counts[filled].tolist(), strict=True)))
