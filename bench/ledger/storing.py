"""The files of a ledger: its design, and rows that are only ever added, each on disk before the next gate."""

from __future__ import annotations

import csv
import io
import json
import os
from typing import TYPE_CHECKING, Any

from bench import results
from bench.errors import ResultsError
from bench.schema import LEDGER_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.schema import Column

LEDGER, GATES, ROUNDS = "ledger.json", "gates.csv", "rounds.csv"


def facts_of(folder: Path) -> dict[str, Any]:
    """The design and the fingerprint; raises ResultsError where the folder is no ledger."""
    try:
        facts = json.loads((folder / LEDGER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{folder} is no ledger: it has no readable {LEDGER}") from error
    return dict(facts)


def gates_of(folder: Path) -> list[dict[str, Any]]:
    """The rows of its gates; those from before each gate had a ``whole`` have that of their ledger."""
    path = folder / GATES
    rows = results.read_table(path) if path.is_file() else []
    if rows and "whole" not in rows[0]:
        whole = _once_whole(folder)
        rows = [{**row, "whole": whole} for row in rows]
    return rows


def append(path: Path, columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> None:
    try:
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [column.name for column in columns], lineterminator="\n")
            if not file.tell():
                writer.writeheader()
            writer.writerows(rows)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ResultsError(f"cannot write {path} ({error.strerror})") from error


def mend(folder: Path) -> None:
    """Makes the files fit to be added to.

    A last line without an end, as a ledger that was killed while it wrote leaves it, is cut off. Gates from
    before each had a ``whole`` get that of their ledger, as a column at the end.
    """
    for name in (GATES, ROUNDS):
        path = folder / name
        if path.is_file() and not (text := path.read_bytes()).endswith(b"\n"):
            path.write_bytes(text[: text.rfind(b"\n") + 1])
    rows = results.whole_rows(folder / GATES)
    if rows and "whole" not in rows[0]:
        whole = _once_whole(folder)
        text_ = io.StringIO(newline="")
        writer = csv.DictWriter(text_, [column.name for column in LEDGER_COLUMNS], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "whole": whole} for row in rows)
        results.rewrite(folder / GATES, text_.getvalue())


def _once_whole(folder: Path) -> bool:
    return facts_of(folder)["design"].get("whole") is True
