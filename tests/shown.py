"""How a command that is shown is run in a test: what makes it short, how it may end, and what is not run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

import click
from documented import WITH_COMMANDS, commands, examples, shell_lines, spans, understood

from bench import catalogue

_COUNTED = "callgrind takes half a minute and more; tests/test_instructions.py counts with the same options"
_NOISE = "its noise run takes half a minute; tests/test_doctor.py makes one of two rounds"
_CALIBRATED = "it takes half a minute; tests/test_cli.py and tests/test_live.py calibrate asyncio"
_PRECISE = "a pilot and as many rounds as it takes are too long; tests/test_pilot.py plans by a precision"
_PLANNED = "a budget of less than a minute is refused; tests/test_ab.py has one that is"

NOT_RUN: Mapping[str, str] = {
    "make bench": "it is the last step of .ci/run",
    "make test": "it runs these tests",
    "make .venv/ready": "it made the environment in which these tests run",
    "source .venv/bin/activate": "these tests run in that environment",
    "mqbench run --broker docker:rabbitmq": "it needs a Docker engine",
    "mqbench ab aio-pika==9.6.2 aio-pika==10.2.1 --budget 60s": _PLANNED,
    "mqbench ab prefetch=10 prefetch=100 --until 2%": _PRECISE,
    "mqbench doctor": _NOISE,
    "mqbench calibrate": _CALIBRATED,
    "mqbench calibrate --loop uvloop": _CALIBRATED,
    "mqbench calibrate --quiet": _CALIBRATED,
    "mqbench check --meter instructions": _COUNTED,
    "mqbench ab aio-pika==9.6.2 aio-pika --meter instructions --annotate": _COUNTED,
    "mqbench ab aio-pika==9.6.2 'aio-pika @ file:///checkout' --meter instructions --annotate": _COUNTED,
}
"""By line: why no test runs it. One that no document and no help text shows any more is an error."""

_TINY = "--set warmup_s=0.05 --set measure_s=0.1 --rounds 1 --slices 2"
_GRID = "--set prefetch=100 --set in_flight=5,20 --set ack_every=1"
_LEDGER = "--client memory --kind work --equal 1 --injected 0 --reference 0"
_BRIEF: Mapping[str, str] = {
    "run": f"{_TINY} --no-report",
    "ab": f"{_TINY} --no-report",
    "sweep": f"{_TINY} --no-report",
    "tune": f"{_GRID} --set warmup_s=0.05 --set measure_s=0.1 --rounds 2 --slices 1 --no-report",
    "capacity": "--p99 10s --most 400 --window 0.5s --rounds 1 --set warmup_s=0.05 --no-report",
    "soak": "--for 5s --rate 50 --drift 1000% --leak 100MiB --no-report",
    "check": "--rounds 1,1 --slices 1",
    "validate make": f"{_LEDGER} --rounds 1,1 --slices 1",
}
_LONG = {"tune", "capacity", "soak", "sweep", "check"}
_ENDS: Mapping[str, set[int]] = {
    "ab": {0, 3},
    "tune": {0, 3},
    "capacity": {0, 3},
    "soak": {0, 3},
    "check": {0, 3},
    "doctor": {0, 5},
    "compare": {0, 3},
}


def lines() -> list[str]:
    """Every command that is shown, once, in the order in which a reader meets it."""
    found = [line for path in WITH_COMMANDS for line in shell_lines(path)]
    found += [line for _, command in commands() for line in examples(command)]
    found += [span for path in WITH_COMMANDS for span in spans(path) if is_whole(span)]
    return list(dict.fromkeys(found))


def once() -> list[str]:
    """Of those that are run, the first of each few that are the same once they are made short.

    Of a command that takes long, those are the same that have the same options.
    """
    found: dict[str, str] = {}
    for line in lines():
        if line not in NOT_RUN:
            found.setdefault(_form(line), line)
    return list(found.values())


def _form(line: str) -> str:
    if not line.startswith("mqbench ") or ">" in line:
        return line
    words = shlex.split(line, comments=True)
    if name(line) in _LONG or "--resume" in words:
        options = {word for word in words if word.startswith("--")} - {"--client", "--set"}
        return f"{name(line)} {sorted(options)}"
    asked = understood(shlex.join(brief(line))).params
    return f"{name(line)} {sorted(asked.items())!r}"


def is_whole(span: str) -> bool:
    """Whether what a sentence has is a command, and not its name or its form, as in ``ab BASE CANDIDATE``."""
    if re.search(r"\b[A-Z]{3,}\b", span):
        return False
    try:
        understood(span)
    except click.UsageError:
        return False
    return True


def name(line: str) -> str:
    """Of the command: ``run``, ``validate make``."""
    known = {each for each, _ in commands()}
    words = shlex.split(line, comments=True)
    return next(" ".join(words[1:end]) for end in (3, 2) if " ".join(words[:end]) in known)


def ends(line: str) -> set[int]:
    return _ENDS.get(name(line), {0})


def brief(line: str) -> list[str]:
    """Its words and what makes it short, of which the last wins; an interrupted run has its own."""
    words = shlex.split(line, comments=True)
    if "--resume" in words:
        return words
    if name(line) == "sweep":
        words = [re.sub(r"(=\w+,\w+)(,\w+)+$", r"\1", word) for word in words]
    added = shlex.split(_BRIEF.get(name(line), ""))
    if "ramp" in words or "schedule=" in line:
        added += ["--set", "schedule=200:300ms+200-600:300ms"]
    if name(line) == "run" and "--loop" not in words:
        added += ["--loop", "asyncio"]
    if name(line) == "init":
        added = ["--force"]
    return [*words, *added]


def protocol(line: str) -> str:
    """What the broker must speak for the clients that a command names; amqp for those that are not named."""
    names = (re.split(r"==| @ ", word)[0] for word in shlex.split(line, comments=True))
    known = (catalogue.clients()[each] for each in names if each in catalogue.clients())
    return next((entry.abilities.protocol for entry in known), "amqp")
