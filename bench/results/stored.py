"""A run folder that is read again: what run.json says, and its tables as they are asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench.errors import ResultsError, SchemaError
from bench.results.files import RUN, SLICES, STEPS, TRIALS
from bench.results.tables import TEXT, read_table
from bench.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


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

        return pd.read_csv(self.folder / TRIALS, dtype=dict.fromkeys(TEXT, "string"))

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
