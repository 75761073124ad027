"""CSV files with the columns of the schema: complete after every row, and read again with their types."""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING, Any

from bench.errors import ResultsError
from bench.results.files import as_results_error, rewrite

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from bench.schema import Column

# Columns whose text may look like a number: 1.10 is not 1.1.
TEXT = frozenset(
    {"reason", "scenario", "point", "client", "consumer_client", "bottleneck_why", "latency_reason"}
    | {"schedule", "rates", "arrivals", "payload_mix"}
    | {
        f"{what}_{of}"
        for what in ("client", "consumer_client", "loop", "python", "broker")
        for of in ("version", "requires")
    }
)

_FLAGS = {"True": True, "False": False}


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
    with as_results_error(path.parent):
        table = Table(path, columns)
        try:
            for row in rows:
                table.add(row)
        finally:
            table.close()


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


def _value(name: str, text: str | None) -> Any:
    if not text:
        return None
    if name in TEXT:
        return text
    if text in _FLAGS:
        return _FLAGS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
