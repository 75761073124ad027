"""Run folders: complete after every row, refused before measuring where they cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench import results
from bench.errors import ResultsError, SchemaError
from bench.schema import (
    CAPACITY_COLUMNS,
    COMPARISON_COLUMNS,
    SLICE_COLUMNS,
    SOAK_COLUMNS,
    STEP_COLUMNS,
    SWEEP_COLUMNS,
    TRIAL_COLUMNS,
    TUNE_COLUMNS,
)

FACTS: dict[str, Any] = {"mqbench_version": "0"}


def slice_row(**values: Any) -> dict[str, Any]:
    return {column.name: values.get(column.name, 0) for column in SLICE_COLUMNS}


def test_a_row_is_on_disk_as_soon_as_it_is_added(tmp_path: Path) -> None:
    with results.Recorder.opened(tmp_path / "run", FACTS) as recorder:
        recorder.slices.add(slice_row(case=7, rate_per_s=1234.5678))
        stored = pd.read_csv(tmp_path / "run" / "slices.csv")
    assert list(stored["case"]) == [7]
    assert list(stored["rate_per_s"]) == [1234.57]


def test_a_run_says_that_it_was_interrupted_until_it_is_finished(tmp_path: Path) -> None:
    with results.Recorder.opened(tmp_path / "run", FACTS) as recorder:
        before = json.loads((tmp_path / "run" / "run.json").read_text())
        recorder.note(finished=True, outcome="valid")
    after = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (before["finished"], before["outcome"]) == (False, "interrupted")
    assert (after["finished"], after["outcome"]) == (True, "valid")


def test_a_row_with_other_columns_is_refused(tmp_path: Path) -> None:
    with (
        results.Recorder.opened(tmp_path / "run", FACTS) as recorder,
        pytest.raises(ValueError, match="speed"),
    ):
        recorder.slices.add({**slice_row(), "speed": 1})


def test_columns_have_their_units_in_their_names() -> None:
    names = [column.name for column in (*TRIAL_COLUMNS, *SLICE_COLUMNS)]
    for name in names:
        for word, unit in (
            ("latency_p", "_us"),
            ("elapsed", "_s"),
            ("rate", "per_s"),
            ("cpu", ("_us_per_message", "_share")),
        ):
            if name.startswith(word):
                assert name.endswith(unit), name


def test_every_column_is_named_once() -> None:
    names = [column.name for column in TRIAL_COLUMNS]
    assert len(names) == len(set(names))


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    with (
        pytest.raises(ResultsError, match="is not empty; name a new one with --output"),
        results.Recorder.opened(tmp_path, FACTS),
    ):
        pass


def test_a_folder_under_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ResultsError, match="cannot write results"),
        results.Recorder.opened(tmp_path / "file" / "run", FACTS),
    ):
        pass


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, which root can make full or read-only."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = (
        os.geteuid() == 0
        and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", place], check=False, capture_output=True
        ).returncode
        == 0
    )
    if not mounted:
        pytest.skip("only root can mount a file system to fill it")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_found_before_measuring(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(28 << 20))
    with (
        pytest.raises(ResultsError, match="MiB are free for the results folder"),
        results.Recorder.opened(small_disk / "run", FACTS),
    ):
        pass


def test_a_read_only_disk_is_found_before_measuring(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with (
        pytest.raises(ResultsError, match="Read-only file system"),
        results.Recorder.opened(small_disk / "run", FACTS),
    ):
        pass


def test_a_disk_that_fills_up_meanwhile_is_a_sentence(small_disk: Path) -> None:
    with (
        pytest.raises(ResultsError, match="No space left"),
        results.Recorder.opened(small_disk / "run", FACTS) as recorder,
    ):
        with (small_disk / "ballast").open("wb") as ballast:
            ballast.write(bytes(31 << 20))
        for _ in range(100_000):
            recorder.slices.add(slice_row())


def test_a_folder_that_is_no_run_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"is not a run folder: it has no readable run\.json"):
        results.load(tmp_path)


def test_a_run_of_a_newer_schema_is_refused_with_the_version_that_reads_it(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"schema_version": 99, "mqbench_version": "9.9"}))
    with pytest.raises(SchemaError, match=r"reads up to \d+; use mqbench 9\.9 or newer"):
        results.load(tmp_path)


def test_the_readme_of_results_describes_every_column() -> None:
    text = (Path(__file__).parent.parent / "results" / "README.md").read_text(encoding="utf-8")
    for column in (
        *TRIAL_COLUMNS,
        *SLICE_COLUMNS,
        *COMPARISON_COLUMNS,
        *SWEEP_COLUMNS,
        *TUNE_COLUMNS,
        *CAPACITY_COLUMNS,
        *SOAK_COLUMNS,
        *STEP_COLUMNS,
    ):
        assert f"| `{column.name}` | {column.meaning} |" in text
