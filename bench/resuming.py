"""An interrupted run: what of its folder stays, and how the rest gets into it.

Rounds that are complete stay. Of the one that was interrupted nothing does, but what failed by itself: a lost
message is not undone by Ctrl-C. The rest is measured anew, in the orders that the recorded seed gives it.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from bench import results
from bench.errors import ComparisonRefusedError, ResultsError, UsageError
from bench.schema import SCHEMA_VERSION, SLICE_COLUMNS, TRIAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    Row = Mapping[str, Any]
    Key = tuple[int, int, int | None]

INTERRUPTED = "interrupted"
"""What the reason of a row begins with whose round was interrupted."""
_TAG = re.compile(r"Tag=case=(\d+);round=(\d+);block=(\d+);")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """``rows`` are those of trials.csv that stay; ``dropped`` is how many do not."""

    folder: Path
    facts: Mapping[str, Any]
    rows: tuple[Row, ...]
    dropped: int

    @property
    def seed(self) -> int:
        return int(self.facts["seed"])

    @property
    def done(self) -> frozenset[Key]:
        """Case, round and block of what is not measured again."""
        return frozenset(map(_key, self.rows))

    @property
    def last_round(self) -> int:
        """Of which anything stays."""
        return max((int(row["round"]) for row in self.rows), default=0)

    @property
    def slice_messages(self) -> dict[tuple[int, int], int]:
        """The messages of a slice by block and case, which stay for the whole run."""
        return {
            (row["block"], row["case"]): row["slice_messages"] for row in self.rows if row["slice_messages"]
        }

    def began_ns(self) -> int:
        """When the run began, on this process's monotonic clock."""
        return time.monotonic_ns() - round(1e9 * (time.time() - float(self.facts["began_at_s"])))

    def resumed_facts(self) -> dict[str, Any]:
        """Those of run.json, with this going on noted."""
        noted = {"at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "dropped_rows": self.dropped}
        return {**self.facts, "resumed": [*self.facts.get("resumed", []), noted]}


def taken_up(folder: Path) -> Begun:
    """The run in a folder; raises ResultsError and its kinds where it cannot be read, UsageError where it
    cannot go on, and ComparisonRefusedError where another mqbench began it. The folder stays as it is.
    """
    facts = results.load_facts(folder)
    with results.held(folder):
        pass
    if facts.get("finished"):
        raise UsageError(f"{folder} is complete, there is nothing to go on with: see it with mqbench show")
    if facts.get("outcome") != "interrupted":
        raise UsageError(f"{folder} was not interrupted but ended ({facts.get('outcome')}): measure it anew")
    if facts.get("pilot"):
        raise UsageError(f"{folder} is a pilot, by which nothing was planned yet: start the comparison anew")
    version = metadata.version("mqbench")
    if (facts.get("mqbench_version"), facts["schema_version"]) != (version, SCHEMA_VERSION):
        raise ComparisonRefusedError(
            f"{folder} was begun by mqbench {facts.get('mqbench_version')} with schema "
            f"{facts['schema_version']}, and this is {version} with schema {SCHEMA_VERSION}: go on with that "
            "version, or measure it anew"
        )
    if "cases" not in facts:
        raise UsageError(f"{folder} was interrupted before it had a plan: start it anew")
    for name, columns in ((results.TRIALS, TRIAL_COLUMNS), (results.SLICES, SLICE_COLUMNS)):
        there = results.whole_rows(folder / name)[:1]
        if there and list(there[0]) != [column.name for column in columns]:
            raise ComparisonRefusedError(
                f"{folder} has other columns in {name} than mqbench {version} writes: measure it anew"
            )
    rows = [results.typed(row) for row in results.whole_rows(folder / results.TRIALS)]
    kept = _kept(rows, None if facts.get("meter") == "instructions" else facts["blocks"])
    return Begun(folder=folder, facts=facts, rows=tuple(kept), dropped=len(rows) - len(kept))


@contextmanager
def gone_on(begun: Begun) -> Iterator[results.Recorder]:
    """The folder without what does not stay, to write the rest into; raises ResultsError if it cannot."""
    with results.held(begun.folder):
        if results.load_facts(begun.folder) != begun.facts:
            raise ResultsError(f"{begun.folder} has changed meanwhile: look at it, and try again")
        _trim(begun)
    with results.Recorder.opened(begun.folder, begun.resumed_facts(), on=True) as recorder:
        yield recorder


def _trim(begun: Begun) -> None:
    """Takes out of the folder what does not stay; each file is replaced as a whole."""
    done = begun.done
    for name in (results.TRIALS, results.SLICES, results.STEPS):
        rows = results.whole_rows(begun.folder / name)
        kept = [row for row in rows if _key(typed := results.typed(row)) in done and not _is_cut(typed)]
        results.rewrite_table(begun.folder / name, kept)
    if (log := begun.folder / results.LATENCIES).is_file():
        *lines, _unfinished = log.read_text(encoding="utf-8").split("\n")
        results.rewrite(log, "".join(f"{line}\n" for line in lines if _stays(line, done)))


def _stays(line: str, done: frozenset[Key]) -> bool:
    found = _TAG.match(line)
    return found is None or (int(found[1]), int(found[2]), int(found[3])) in done


def _kept(rows: Sequence[Row], blocks: Sequence[Sequence[int]] | None) -> list[Row]:
    """The rows that stay. Without ``blocks`` each stands for itself, as counts of instructions do."""
    if blocks is None:
        return [row for row in rows if not _is_cut(row)]
    kept = [row for row in rows if row["round"] == 0]
    rounds: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        if row["round"]:
            rounds.setdefault((row["round"], row["block"]), []).append(row)
    given_up: set[int] = set()
    for (_, block), found in sorted(rounds.items()):
        failed = [row for row in found if row["status"] != "valid" and not _is_cut(row)]
        missing = {*blocks[block - 1]} - given_up - {row["case"] for row in found}
        kept += failed if missing or any(map(_is_cut, found)) else found
        given_up |= {row["case"] for row in failed}
    return kept


def _is_cut(row: Row) -> bool:
    """Whether it is a row of trials.csv whose round was interrupted."""
    return row.get("status") == "invalid" and str(row["reason"]).startswith(INTERRUPTED)


def _key(row: Row) -> Key:
    return row["case"], row["round"], row["block"]
