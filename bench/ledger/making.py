"""Makes the gates of a ledger, one after the other, and adds each to its files when it is over."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import check, gatefile, results
from bench.errors import ResultsError, UsageError
from bench.ledger import calibration
from bench.ledger.design import EQUAL, LEVELS, REFERENCE, Design, Gate, planned
from bench.ledger.injected import KINDS, Injection
from bench.machine import fingerprint
from bench.schema import LEDGER_COLUMNS, LEDGER_ROUND_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.check import Finished, Say
    from bench.schema import Column

LEDGER, GATES, ROUNDS = "ledger.json", "gates.csv", "rounds.csv"
ARMS = ("base", "candidate", "control")
WARMUP_S = 0.1
NEIGHBOURS = {
    "quiet": "",
    "busy": "while True: pass",
    "bursty": (
        "import random, time\n"
        "while True:\n"
        "    until = time.monotonic() + random.uniform(0.2, 2)\n"
        "    while time.monotonic() < until: pass\n"
        "    time.sleep(random.uniform(0.2, 2))\n"
    ),
}
"""What else the machine does meanwhile: the source of a process beside the gates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to add to a ledger; None: not said, so as the ledger has it. ``reference`` is in rounds."""

    folder: Path
    neighbour: str
    equal: int
    injected: int
    reference: int
    client: str | None = None
    broker: str | None = None
    rounds: tuple[int, int] | None = None
    slices: int | None = None
    kinds: Sequence[str] = ()
    seed: int | None = None


async def make(request: Request, *, say: Say) -> int:
    """Makes what is not there yet; says how many gates were added. Raises BenchError."""
    design = await opened(request, say=say)
    wanted = list(
        planned(design, condition=request.neighbour, equal=request.equal, injected=request.injected)
    )
    if request.reference:
        wanted += [
            gate for gate in planned(design, condition=REFERENCE, equal=0, injected=1) if gate.kind != EQUAL
        ]
    there = {row["key"] for row in _rows(request.folder / GATES)}
    missing = [gate for gate in wanted if gate.key not in there]
    say(f"ledger: {len(missing)} of {len(wanted)} gates are to be made")
    began_s = time.monotonic()
    with _neighbour(request.neighbour):
        for done, gate in enumerate(missing, start=1):
            rounds = (request.reference, 1) if gate.condition == REFERENCE else design.rounds
            await _gate(request.folder, design, gate, rounds, say=say)
            left_min = (time.monotonic() - began_s) / done * (len(missing) - done) / 60
            say(f"ledger: gate {done} of {len(missing)}, about {left_min:.0f} min left")
    return len(missing)


async def opened(request: Request, *, say: Say) -> Design:
    """The design of a ledger, which is made where there is none; raises UsageError where it is another."""
    path = request.folder / LEDGER
    if path.is_file():
        design = Design.from_json(json.loads(path.read_text(encoding="utf-8"))["design"])
        asked = ("client", "broker", "rounds", "slices", "seed")
        other = [
            name
            for name in asked
            if (said := getattr(request, name)) is not None and said != getattr(design, name)
        ]
        if other or (request.kinds and set(request.kinds) != set(design.units)):
            names = ", ".join([*other, *(["kinds"] if not other else [])])
            raise UsageError(f"{path} has another {names}: a ledger has one design, so begin another folder")
        return design
    client, broker = request.client or "aioamqp", request.broker or "embedded"
    message_s = await calibration.message_s(client, broker, say=say)
    units = {
        kind: {f"{level:g}": await calibration.units_for(kind, abs(level), message_s) for level in LEVELS}
        for kind in request.kinds or tuple(KINDS)
    }
    design = Design(
        client=client,
        broker=broker,
        rounds=request.rounds or (8, 8),
        slices=request.slices or 4,
        seed=request.seed if request.seed is not None else random.SystemRandom().getrandbits(32),
        message_us=1e6 * message_s,
        units=units,
    )
    request.folder.mkdir(parents=True, exist_ok=True)
    facts = {"design": design.to_json(), "fingerprint": fingerprint().to_json()}
    results.write_text(path, json.dumps(facts, indent=1) + "\n")
    return design


async def _gate(folder: Path, design: Design, gate: Gate, rounds: tuple[int, int], *, say: Say) -> None:
    seed = random.Random(f"{design.seed} {gate.key}").getrandbits(32)
    units = design.units[gate.kind][f"{gate.level:g}"] if gate.kind != EQUAL else 0.0
    kind = gate.kind if gate.kind != EQUAL else "work"
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        injection = Injection(client=design.client, kind=kind, units=units)
        honest = replace(injection, units=0.0)
        sides = (injection, honest) if gate.level < 0 else (honest, injection)
        base, candidate = (
            str(side.write(Path(name), word)) for side, word in zip(sides, ("base", "candidate"), strict=True)
        )
        finished = await check.run(
            _request(design, base, candidate, rounds, seed, Path(name)), say=_quiet, tell=lambda _: None
        )
        cell = finished.gate.cells[0]
        facts = results.load_facts(finished.folder)
        _append(folder / ROUNDS, LEDGER_ROUND_COLUMNS, _rounds(gate, finished))
    row = {
        "key": gate.key,
        "condition": gate.condition,
        "kind": gate.kind,
        "level": gate.level,
        "number": gate.number,
        "seed": seed,
        "outcome": finished.gate.outcome,
        "reason": cell.reason,
        "control": finished.gate.control,
        "stage": cell.stage,
        "first": facts["gate"]["first"],
        "second": facts["gate"]["second"],
        "ratio": cell.ratio,
        "ratio_low": cell.ratio_low,
        "ratio_high": cell.ratio_high,
        "disturbed": finished.gate.disturbed,
        "took_s": round(time.monotonic() - began_s, 1),
        "started_at": facts["started_at"],
    }
    _append(folder / GATES, LEDGER_COLUMNS, [row])  # last: a gate without its row is made again
    say(f"ledger: {gate.key}: {finished.gate.outcome}: {cell.reason}")


def _request(
    design: Design, base: str, candidate: str, rounds: tuple[int, int], seed: int, folder: Path
) -> check.Request:
    cell = gatefile.CellAsked(
        scenario="headline",
        values={"warmup_s": (WARMUP_S,)},
        margin=gatefile.MARGIN,
        loop="asyncio",
    )
    asked = gatefile.Asked(
        origin="the ledger",
        cells=(cell,),
        checkout=folder,
        base=base,
        candidate=candidate,
        rounds=rounds,
        slices=design.slices,
    )
    return check.Request(
        asked=asked,
        broker=design.broker,
        allow_dirty=True,
        seed=seed,
        limit_s=10.0,
        output=folder / "run",
        results=folder,
        command=(),
    )


def _rounds(gate: Gate, finished: Finished) -> list[dict[str, Any]]:
    """A row for each round and arm, with the rates of its slices in the order of their turns."""
    rates: dict[tuple[int, int], list[str]] = {}
    rows = results.read_table(finished.folder / results.SLICES)
    for row in sorted(rows, key=lambda one: int(one["slice"])):
        rates.setdefault((int(row["round"]), int(row["case"])), []).append(f"{row['rate_per_s']:g}")
    return [
        {"key": gate.key, "round": number, "arm": ARMS[case - 1], "rates_per_s": " ".join(words)}
        for (number, case), words in sorted(rates.items())
    ]


def _append(path: Path, columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> None:
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


def _rows(path: Path) -> list[dict[str, Any]]:
    return results.read_table(path) if path.is_file() else []


def _quiet(_: str) -> None:
    """What each gate has to say is in its row."""


@contextmanager
def _neighbour(name: str) -> Iterator[None]:
    if not NEIGHBOURS[name]:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOURS[name]])
    try:
        yield
    finally:
        process.kill()
        process.wait()
