"""Writes a run folder as the run goes, so that a killed run keeps what it measured."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

from bench.errors import ResultsError
from bench.results.files import RUN, SLICES, STEPS, TRIALS, as_results_error, check_unused, held, rewrite
from bench.results.tables import Table
from bench.schema import SCHEMA_VERSION, SLICE_COLUMNS, STEP_COLUMNS, TRIAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

LEAST_FREE_BYTES = 16 << 20


class Recorder:
    """Writes a run folder as the run goes: what was measured so far is always on disk."""

    def __init__(self, folder: Path, run: Mapping[str, Any], *, on: bool = False) -> None:
        self.folder = folder
        self._run = {"schema_version": SCHEMA_VERSION, **run, "finished": False, "outcome": "interrupted"}
        self._write_run()
        self.trials = Table(folder / TRIALS, TRIAL_COLUMNS, on=on)
        self.slices = Table(folder / SLICES, SLICE_COLUMNS, on=on)
        self._on = on
        self._steps: Table | None = None

    def add_steps(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """What the steps of a schedule came to; the table is there once there is a row."""
        for row in rows:
            self._steps = self._steps or Table(self.folder / STEPS, STEP_COLUMNS, on=self._on)
            self._steps.add(row)

    def close(self) -> None:
        for table in (self.trials, self.slices, self._steps):
            if table is not None:
                table.close()

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, run: Mapping[str, Any], *, on: bool = False) -> Iterator[Self]:
        """Makes the folder, which must be new or empty and have room, or goes on in one that is there.

        Nobody else may write there meanwhile. Raises ResultsError if it cannot.
        """
        with as_results_error(folder), ExitStack() as stack:
            folder.mkdir(parents=True, exist_ok=True)
            if not on:
                check_unused(folder)
            if (free := shutil.disk_usage(folder).free) < LEAST_FREE_BYTES:
                raise ResultsError(
                    f"only {free >> 20} MiB are free for the results folder {folder}; "
                    f"a run needs {LEAST_FREE_BYTES >> 20}"
                )
            stack.enter_context(held(folder))
            recorder = cls(folder, run, on=on)
            stack.callback(recorder.close)
            yield recorder

    def note(self, **facts: Any) -> None:
        """Adds facts to run.json."""
        self._run |= facts
        self._write_run()

    def _write_run(self) -> None:
        rewrite(self.folder / RUN, json.dumps(self._run, indent=2, ensure_ascii=False) + "\n")
