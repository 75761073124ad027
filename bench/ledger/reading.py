"""Reads a ledger's folder, and has its page written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import results
from bench.ledger import page, plots, storing
from bench.ledger.analysis import joined
from bench.ledger.design import Design
from bench.ledger.page import Findings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A ledger with what was found in it; ``name`` is that of its folder."""

    design: Design
    machine: Mapping[str, Any]
    found: Findings
    name: str


def read(folder: Path) -> Read:
    """Raises ResultsError where the folder is no ledger."""
    facts = storing.facts_of(folder)
    gates = joined(storing.gates_of(folder), results.read_table(folder / storing.ROUNDS))
    return Read(
        design=Design.from_json(facts["design"]),
        machine=facts["fingerprint"],
        found=Findings.of(gates),
        name=folder.name if folder.is_absolute() else folder.as_posix(),
    )


def page_of(folder: Path) -> str:
    """The page of a ledger, without plots; raises ResultsError where the folder is none."""
    return _page(read(folder), {})


def write_page(folder: Path, path: Path) -> list[Path]:
    """Writes the page and its plots beside it; says what was written.

    Raises UsageError where plots cannot be drawn, before anything is written, and ResultsError.
    """
    plots.check()
    ledger = read(folder)
    pictures = plots.drawn(ledger.found)
    names = {name: f"{path.stem}-{name}.svg" for name in pictures}
    texts = {path.with_name(names[name]): text for name, text in pictures.items()}
    texts[path] = _page(ledger, names)
    for one, text in texts.items():
        results.write_text(one, text)
    return list(texts)


def _page(ledger: Read, names: Mapping[str, str]) -> str:
    return page.written(ledger.design, ledger.machine, ledger.found, ledger.name, names)
