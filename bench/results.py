"""Run folders: written so that a killed run keeps what it measured, and loaded into pandas."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bench.errors import ResultsError, SchemaError
from bench.schema import SCHEMA_VERSION, SLICE_COLUMNS, TRIAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from bench.schema import Column

LEAST_FREE_BYTES = 16 << 20

TRIALS, SLICES, LATENCIES, RUN = "trials.csv", "slices.csv", "latency.hlog", "run.json"
COMPARISON = "comparison.csv"


class Table:
    """A CSV file that is complete after every row."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._file = path.open("x", encoding="utf-8", newline="")
        self._names = [column.name for column in columns]
        self._writer = csv.DictWriter(self._file, self._names)
        self._writer.writeheader()
        self._file.flush()

    def add(self, row: Mapping[str, Any]) -> None:
        """Raises ValueError for a row whose keys are not exactly the columns."""
        if row.keys() != set(self._names):
            raise ValueError(f"not the columns of this table: {sorted(row.keys() ^ set(self._names))}")
        self._writer.writerow({name: _cell(value) for name, value in row.items()})
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value


def write_table(path: Path, columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]) -> None:
    """A whole table at once; raises ResultsError if it cannot."""
    with _as_results_error(path.parent):
        table = Table(path, columns)
        try:
            for row in rows:
                table.add(row)
        finally:
            table.close()


class Recorder:
    """Writes a run folder as the run goes: what was measured so far is always on disk."""

    def __init__(self, folder: Path, run: dict[str, Any]) -> None:
        self.folder = folder
        self._run = {"schema_version": SCHEMA_VERSION, **run, "finished": False, "outcome": "interrupted"}
        self._write_run()
        self.trials = Table(folder / TRIALS, TRIAL_COLUMNS)
        self.slices = Table(folder / SLICES, SLICE_COLUMNS)

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, run: dict[str, Any]) -> Iterator[Self]:
        """Makes the folder, which must be new or empty and have room; raises ResultsError if it cannot."""
        with _as_results_error(folder), ExitStack() as stack:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise ResultsError(f"the results folder {folder} is not empty; name a new one with --output")
            if (free := shutil.disk_usage(folder).free) < LEAST_FREE_BYTES:
                raise ResultsError(
                    f"only {free >> 20} MiB are free for the results folder {folder}; "
                    f"a run needs {LEAST_FREE_BYTES >> 20}"
                )
            recorder = cls(folder, run)
            stack.callback(recorder.trials.close)
            stack.callback(recorder.slices.close)
            yield recorder

    def note(self, **facts: Any) -> None:
        """Adds facts to run.json."""
        self._run |= facts
        self._write_run()

    def _write_run(self) -> None:
        path = self.folder / RUN
        draft = path.with_suffix(".json.part")
        draft.write_text(json.dumps(self._run, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        draft.replace(path)


@contextmanager
def _as_results_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in {
            errno.ENOSPC,
            errno.EROFS,
            errno.EACCES,
            errno.ENOTDIR,
            errno.EEXIST,
            errno.EDQUOT,
        }:
            raise
        reason = os.strerror(error.errno)
        raise ResultsError(
            f"cannot write results to {folder} ({reason}); name another folder with --output"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A stored run: ``trials`` and ``slices`` as data frames, ``facts`` as run.json has them."""

    folder: Path
    facts: dict[str, Any]
    trials: pd.DataFrame
    slices: pd.DataFrame


def load(folder: Path) -> Run:
    """A stored run; raises ResultsError where there is none, SchemaError where a newer mqbench wrote it."""
    import pandas as pd  # noqa: PLC0415  # 0.3 s that a command which reads no results need not wait

    try:
        facts = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ResultsError(f"{folder} is not a run folder: it has no readable {RUN}") from error
    version = facts.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise SchemaError(
            f"{folder} has results of schema {version}, this mqbench reads up to {SCHEMA_VERSION}; "
            f"use mqbench {facts.get('mqbench_version', 'of a later version')} or newer"
        )
    names = ("reason", "point", "client_requires", "bottleneck_why")
    versions = ("client_version", "loop_version", "python_version", "broker_version")  # 1.10 is not 1.1
    text = dict.fromkeys(names + versions, "string")
    trials = pd.read_csv(folder / TRIALS, dtype=text)
    return Run(folder=folder, facts=facts, trials=trials, slices=pd.read_csv(folder / SLICES))
