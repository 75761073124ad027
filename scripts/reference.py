#!/usr/bin/env python3
"""Makes the published reference runs: every client on every loop here, one native broker at a time.

Each run takes its place in results/reference/ when it is whole; one that failed leaves what was there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from bench import catalogue
from bench.loops import LOOPS

ROOT = Path(__file__).parent.parent
REFERENCE = Path("results") / "reference"
MAKING = Path("results") / "making"
BROKERS = {"amqp": "rabbitmq", "mqtt": "mosquitto", "kafka": "kafka"}


def main() -> int:
    loops = [word for name, loop in LOOPS.items() if loop.unfit() is None for word in ("--loop", name)]
    for protocol, kind in BROKERS.items():
        clients = [
            word
            for entry in catalogue.clients().values()
            if entry.abilities.protocol == protocol
            for word in ("--client", entry.name)
        ]
        name = f"headline-{kind}"
        made, published = MAKING / name, REFERENCE / name
        shutil.rmtree(ROOT / made, ignore_errors=True)
        command = [
            sys.executable,
            "-m",
            "bench",
            "run",
            *clients,
            *loops,
            "--broker",
            "native",
            "--seed",
            "2026",
        ]
        ended = subprocess.run([*command, "--output", str(made)], cwd=ROOT, check=False)
        if ended.returncode not in (0, 1):  # 1: a row is invalid, which the table shows with its reason
            return ended.returncode
        shutil.rmtree(ROOT / published, ignore_errors=True)
        (ROOT / made).rename(ROOT / published)
    return 0


if __name__ == "__main__":
    sys.exit(main())
