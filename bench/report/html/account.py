"""What became of every message: the tables of the account, and of the rows that are in no figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.html.rows import Row, Table, known, named

if TYPE_CHECKING:
    from bench.report.html.source import Digest

COUNTS = (
    "sent",
    "confirmed",
    "received",
    "lost",
    "duplicated",
    "reordered",
    "corrupted",
    "negative_latencies",
)


def accounts(digest: Digest) -> Table:
    """The account of every case, over all its rounds, invalid ones too."""
    names = [name for name in COUNTS if any(name in row for row in digest.source.run.rows)]
    rows = []
    for case in digest.cases:
        if case.status == "skipped":
            continue
        own = [row for row in digest.source.run.rows if row["case"] == case.case]
        counts = (known(own, name) for name in names)
        cells = (
            named(case, digest),
            *(f"{sum(one):,.0f}" if one else "" for one in counts),
            "" if case.stamped else "counted only",
        )
        rows.append(Row(cells=cells, case=case, is_wrong=case.status == "invalid"))
    return Table(
        caption="Messages of every case, over all rounds",
        columns=("case", *(name.replace("_latencies", " latency") for name in names), ""),
        rows=rows,
        texts=1,
    )


def unsound(digest: Digest) -> Table:
    """Every row that is not valid, with its reason."""
    by_number = {case.case: case for case in digest.cases}
    rows = [
        Row(
            cells=(
                named(by_number[row["case"]], digest),
                str(row["status"]),
                "" if row["status"] == "skipped" else str(row["round"]),
                str(row["reason"] or ""),
            ),
            case=by_number[row["case"]],
            is_wrong=row["status"] == "invalid",
        )
        for row in digest.source.run.rows
        if row["status"] != "valid" and row["case"] in by_number
    ]
    columns = ("case", "status", "round", "reason")
    return Table(caption="Rows that are in no figure", columns=columns, rows=rows, texts=4)
