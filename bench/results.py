"""Run folders: written so that a killed run keeps what it measured, and read again."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import shutil
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from bench.errors import ResultsError, SchemaError
from bench.schema import SCHEMA_VERSION, SLICE_COLUMNS, STEP_COLUMNS, TRIAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from bench.schema import Column

if sys.platform != "win32":
    import fcntl

LEAST_FREE_BYTES = 16 << 20

TRIALS, SLICES, LATENCIES, RUN = "trials.csv", "slices.csv", "latency.hlog", "run.json"
COMPARISON, CHECK = "comparison.csv", "check.json"
WORK, PROFILE, STEPS = "work.csv", "profile.csv", "steps.csv"


class Table:
    """A CSV file that is complete after every row; one that is there is refused unless it is to go on."""

    def __init__(self, path: Path, columns: Sequence[Column], *, on: bool = False) -> None:
        self._file = path.open("a" if on else "x", encoding="utf-8", newline="")
        self._names = [column.name for column in columns]
        self._writer = csv.DictWriter(self._file, self._names)
        if not self._file.tell():
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


def write_text(path: Path, text: str, *, append: bool = False) -> None:
    """A whole file at once; raises ResultsError if it cannot."""
    try:
        with path.open("a" if append else "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ResultsError(f"cannot write {path} ({error.strerror})") from error


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
        with _as_results_error(folder), ExitStack() as stack:
            folder.mkdir(parents=True, exist_ok=True)
            if not on and any(folder.iterdir()):
                raise ResultsError(f"the results folder {folder} is not empty; name a new one with --output")
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


def rewrite(path: Path, text: str) -> None:
    """A file that is either as it was or has the whole of the text."""
    draft = path.with_name(f"{path.name}.part")
    draft.write_text(text, encoding="utf-8", newline="")
    draft.replace(path)


def rewrite_table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """A CSV file of ours with these of its rows, as :func:`whole_rows` gives them; without any it is gone."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    rewrite(path, text.getvalue())


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """A run folder that is measured into by nobody else; raises ResultsError where somebody does.

    Windows has no locks of folders: there nobody looks.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ResultsError(f"another mqbench measures into {folder}: wait for its end") from None
    finally:
        os.close(descriptor)


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


# Columns whose text may look like a number: 1.10 is not 1.1.
_TEXT = frozenset(
    {"reason", "scenario", "point", "client", "consumer_client", "bottleneck_why", "latency_reason"}
    | {"schedule", "rates", "arrivals", "payload_mix"}
    | {
        f"{what}_{of}"
        for what in ("client", "consumer_client", "loop", "python", "broker")
        for of in ("version", "requires")
    }
)
_FLAGS = {"True": True, "False": False}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A stored run: ``facts`` as run.json has them, ``rows`` those of trials.csv with None for empty cells.

    ``trials`` and ``slices`` are data frames, read when they are first asked for: pandas takes a second to
    load, which a command that needs no frame need not wait.
    """

    folder: Path
    facts: dict[str, Any]
    rows: tuple[dict[str, Any], ...]

    @cached_property
    def trials(self) -> pd.DataFrame:
        import pandas as pd  # noqa: PLC0415  # see the class

        return pd.read_csv(self.folder / TRIALS, dtype=dict.fromkeys(_TEXT, "string"))

    @cached_property
    def slices(self) -> pd.DataFrame:
        import pandas as pd  # noqa: PLC0415  # see the class

        return pd.read_csv(self.folder / SLICES)

    @cached_property
    def slice_rows(self) -> tuple[dict[str, Any], ...]:
        """The rows of slices.csv, without pandas."""
        return tuple(read_table(self.folder / SLICES))

    @cached_property
    def steps(self) -> tuple[dict[str, Any], ...]:
        """The rows of steps.csv; none where no schedule has several steps."""
        path = self.folder / STEPS
        return tuple(read_table(path)) if path.is_file() else ()

    @property
    def finished(self) -> bool:
        return bool(self.facts.get("finished"))


def load(folder: Path) -> Run:
    """A stored run; raises ResultsError where there is none, SchemaError where a newer mqbench wrote it."""
    facts = load_facts(folder)
    return Run(folder=folder, facts=facts, rows=tuple(read_table(folder / TRIALS)))


def load_facts(folder: Path) -> dict[str, Any]:
    """What run.json has; raises as :func:`load`."""
    try:
        facts = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{folder} is not a run folder: it has no readable {RUN}") from error
    version = facts.get("schema_version") if isinstance(facts, dict) else None
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        writer = facts.get("mqbench_version") if isinstance(facts, dict) else None
        raise SchemaError(
            f"{folder} has results of schema {version}, this mqbench reads up to {SCHEMA_VERSION}; "
            f"use mqbench {writer or 'of a later version'} or newer"
        )
    return dict(facts)


def read_table(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV file of ours, numbers and flags as such; raises ResultsError where it cannot be read.

    A last line that a killed run left half written has too few cells: what it lacks is None.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [typed(row) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"{path} cannot be read ({error})") from error


def whole_rows(path: Path) -> list[dict[str, str]]:
    """The rows as text, without what a killed run left half written; none where there is no file.

    Raises ResultsError where it cannot be read.
    """
    try:
        text = path.read_bytes().decode() if path.is_file() else ""
        rows = list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1], newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"{path} cannot be read ({error})") from error
    return [row for row in rows if None not in row and None not in row.values()]


def typed(row: Mapping[str, str | None]) -> dict[str, Any]:
    """A row with numbers and flags as such, and None for empty cells."""
    return {name: _value(name, text) for name, text in row.items()}


def without_credentials(word: str) -> str:
    """As it may be stored."""
    return re.sub(r"://[^/\s]*@", "://…@", word)


def _value(name: str, text: str | None) -> Any:
    if not text:
        return None
    if name in _TEXT:
        return text
    if text in _FLAGS:
        return _FLAGS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
