"""Reads a ledger's folder, and has its page written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench import results
from bench.errors import ResultsError
from bench.ledger import page
from bench.ledger.analysis import joined
from bench.ledger.design import Design
from bench.ledger.making import GATES, LEDGER, ROUNDS

if TYPE_CHECKING:
    from pathlib import Path


def page_of(folder: Path) -> str:
    """The page of a ledger; raises ResultsError where the folder is none."""
    try:
        facts = json.loads((folder / LEDGER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{folder} is no ledger: it has no readable {LEDGER}") from error
    gates = joined(results.read_table(folder / GATES), results.read_table(folder / ROUNDS))
    return page.written(Design.from_json(facts["design"]), facts["fingerprint"], gates, folder.name)
