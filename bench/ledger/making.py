"""Makes the gates of a ledger, one after the other, and adds each to its files when it is over."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import check, results
from bench.errors import UsageError
from bench.gate import gatefile
from bench.ledger import calibration, storing
from bench.ledger.design import EQUAL, LEVELS, REFERENCE, Design, Gate, planned
from bench.ledger.injected import KINDS, Injection
from bench.ledger.storing import GATES, LEDGER, ROUNDS
from bench.machine import fingerprint
from bench.schema import LEDGER_COLUMNS, LEDGER_ROUND_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.check import Finished, Say

ARMS = ("base", "candidate", "control")
STAGES, TURNS = (6, 8), 4
SLICE_S, WARMUP_S = 0.05, 0.02
"""As short as they may be, as many gates are wanted. A warm-up has one chunk of messages then, 200 here."""
NEIGHBOURS = {
    "quiet": "",
    "shared": "",
    "busy": (
        "import os\nours = os.getppid()\nwhile os.getppid() == ours:\n    for _ in range(1_000_000): pass\n"
    ),
    "bursty": (
        "import os, random, time\n"
        "ours = os.getppid()\n"
        "while os.getppid() == ours:\n"
        "    until = time.monotonic() + random.uniform(0.2, 2)\n"
        "    while time.monotonic() < until: pass\n"
        "    time.sleep(random.uniform(0.2, 2))\n"
    ),
}
"""What else the machine does meanwhile: the source of a process, which ends with its parent.

Beside a shared one it is other people's work that nobody starts here: each row says what of it was seen.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to add to a ledger; None: not said, so as the ledger has it. ``reference`` is in rounds.

    ``whole``: the gates that are added have the rounds of both stages, so that the rule can be put to other
    data than what it saw. The outcome is that of a gate that ends where it is decided, either way.

    After ``for_s`` no further gate is begun, nor one that would not be over by then.
    """

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
    whole: bool = True
    for_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How many gates were added, and how many of those asked for are still to be made."""

    added: int
    left: int


async def make(request: Request, *, say: Say) -> Made:
    """Makes what is not there yet, until the time is over. Raises BenchError."""
    began_s = time.monotonic()
    design = await opened(request, say=say)
    wanted = list(
        planned(design, condition=request.neighbour, equal=request.equal, injected=request.injected)
    )
    if request.reference:
        wanted += [
            gate for gate in planned(design, condition=REFERENCE, equal=0, injected=1) if gate.kind != EQUAL
        ]
    storing.mend(request.folder)
    there = {row["key"] for row in storing.gates_of(request.folder)}
    missing = [gate for gate in wanted if gate.key not in there]
    say(f"ledger: {len(missing)} of {len(wanted)} gates are to be made")
    clock = _Clock(ends_s=math.inf if request.for_s is None else began_s + request.for_s)
    with _neighbour(request.neighbour):
        for done, gate in enumerate(missing):
            rounds = request.reference if gate.condition == REFERENCE else sum(design.rounds)
            if not clock.has_room(rounds):
                say(f"ledger: the time is over, with {len(missing) - done} gates still to be made")
                return Made(added=done, left=len(missing) - done)
            with clock.timing(rounds):
                await _gate(request, design, gate, say=say)
            left_min = (
                sum(
                    clock.expected_s(request.reference if one.condition == REFERENCE else sum(design.rounds))
                    for one in missing[done + 1 :]
                )
                / 60
            )
            say(f"ledger: {done + 1} of {len(missing)} gates are made, about {left_min:.0f} min for the rest")
    return Made(added=len(missing), left=0)


@dataclass(slots=True, kw_only=True)
class _Clock:
    """When to stop: from what a round has cost so far, whatever the kind of gate."""

    ends_s: float
    _spent_s: float = 0.0
    _rounds: int = 0

    def expected_s(self, rounds: int) -> float:
        return self._spent_s / self._rounds * rounds if self._rounds else 0.0

    def has_room(self, rounds: int) -> bool:
        return time.monotonic() + self.expected_s(rounds) < self.ends_s

    @contextmanager
    def timing(self, rounds: int) -> Iterator[None]:
        began_s = time.monotonic()
        yield
        self._spent_s += time.monotonic() - began_s
        self._rounds += rounds


async def opened(request: Request, *, say: Say) -> Design:
    """The design of a ledger, which is made where there is none; raises UsageError where it is another."""
    path = request.folder / LEDGER
    if path.is_file():
        design = Design.from_json(storing.facts_of(request.folder)["design"])
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
        rounds=request.rounds or STAGES,
        slices=request.slices or TURNS,
        seed=request.seed if request.seed is not None else random.SystemRandom().getrandbits(32),
        message_us=1e6 * message_s,
        units=units,
        slice_s=SLICE_S,
        warmup_s=WARMUP_S,
    )
    request.folder.mkdir(parents=True, exist_ok=True)
    facts = {"design": design.to_json(), "fingerprint": fingerprint().to_json()}
    results.write_text(path, json.dumps(facts, indent=1) + "\n")
    return design


async def _gate(request: Request, design: Design, gate: Gate, *, say: Say) -> None:
    folder, rounds, whole = request.folder, design.rounds, request.whole
    if gate.condition == REFERENCE:  # only its first stage is looked at
        rounds, whole = (request.reference, 1), False
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
            _request(design, (base, candidate), Path(name), rounds=rounds, seed=seed, whole=whole),
            say=_quiet,
            tell=lambda _: None,
        )
        cell = finished.gate.cells[0]
        facts = results.load_facts(finished.folder)
        storing.append(folder / ROUNDS, LEDGER_ROUND_COLUMNS, _rounds(gate, finished))
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
        "whole": whole,
    }
    storing.append(folder / GATES, LEDGER_COLUMNS, [row])  # last: a gate without its row is made again
    say(f"ledger: {gate.key}: {finished.gate.outcome}: {cell.reason}")


def _request(
    design: Design, sides: tuple[str, str], folder: Path, *, rounds: tuple[int, int], seed: int, whole: bool
) -> check.Request:
    cell = gatefile.CellAsked(
        scenario="headline",
        values={"warmup_s": (design.warmup_s,)},
        margin=gatefile.MARGIN,
        loop="asyncio",
    )
    asked = gatefile.Asked(
        origin="the ledger",
        cells=(cell,),
        checkout=folder,
        base=sides[0],
        candidate=sides[1],
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
        slice_s=design.slice_s,
        whole=whole,
        ceiling=False,
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


def _quiet(_: str) -> None:
    """What each gate has to say is in its row."""


@contextmanager
def _neighbour(name: str) -> Iterator[None]:
    if not NEIGHBOURS[name]:
        yield
        return
    # In a session of its own, or Ctrl-C would reach it too.
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOURS[name]], start_new_session=True)
    try:
        yield
    finally:
        process.kill()
        process.wait()
