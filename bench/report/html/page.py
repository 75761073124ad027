"""All of it as one file: the templates and assets of this package, filled with stored runs."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from bench.report.html import account, matrix, rows, scheduled
from bench.report.html.answer import Answer, answer
from bench.report.html.figures import as_json, figures
from bench.report.html.source import Digest, digest, place
from bench.report.terminal import client_label, consumed_by
from bench.report.words import measured_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.report.html.source import Source
    from bench.report.summary import CaseSummary

_PACKAGE = resources.files("bench.report.html")
_INTERVAL = re.compile(r" \[-?[\d.,]+, -?[\d.,]+\]")
_RATIO = re.compile(r"(\d[\d.]*(?:x|.%).\[-?[\d.]+,.-?[\d.]+\])")
SCRIPTS = ("vendor/charts.js", "assets/figures.js", "assets/page.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One run as the templates see it."""

    digest: Digest
    answer: Answer
    measured_on: str
    consumed_by: str
    command: str
    account: Mapping[str, int]
    data: Markup

    @property
    def name(self) -> str:
        return self.digest.source.name

    @property
    def facts(self) -> dict[str, Any]:
        return self.digest.source.run.facts


def rendered(sources: Sequence[Source]) -> str:
    """The page of one or more runs, complete in itself."""
    sections = [_section(digest(source)) for source in sources]
    cases = [case for section in sections for case in section.digest.cases]
    scripts = [Markup(_asset(name)) for name in SCRIPTS]  # noqa: S704  # our own files
    return (
        _environment()
        .get_template("assets/page.html")
        .render(
            sections=sections,
            filters=_filters(cases),
            scripts=scripts,
            style=Markup(_asset("assets/style.css")),  # noqa: S704  # our own file
            policy=_policy(scripts),
            rows=rows,
            matrix=matrix,
            account=account,
            scheduled=scheduled,
            place=place,
        )
    )


def repeated(facts: Mapping[str, Any]) -> str:
    """The command that measures the same again, into a new folder, in the same random order."""
    words: list[str] = []
    given = iter(facts.get("command", ()))
    for word in given:
        if word == "--output":
            next(given, None)
        elif not word.startswith("--output="):
            words.append(word)
    if "seed" in facts and not any(word.partition("=")[0] == "--seed" for word in words):
        words += ["--seed", str(facts["seed"])]
    return shlex.join(words)


def _section(found: Digest) -> Section:
    run = found.source.run
    return Section(
        digest=found,
        answer=answer(found),
        measured_on=measured_on(run.facts),
        consumed_by=consumed_by(run),
        command=repeated(run.facts),
        account=_account(run.rows),
        data=Markup(as_json(figures(found))),  # noqa: S704  # as_json leaves no character that could end it
    )


def _account(trials: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """What became of all messages of the run, by count."""
    known = [name for name in account.COUNTS if any(row.get(name) is not None for row in trials)]
    return {name: sum(int(row.get(name) or 0) for row in trials) for name in known}


def _filters(cases: Iterable[CaseSummary]) -> dict[str, dict[str, str]]:
    """What can be chosen: by kind, the value that rows carry and how it is shown."""
    cases = list(cases)
    scenarios = {f"s:{case.scenario}": case.scenario for case in cases}
    places = {f"p:{place(case)}": place(case) for case in cases}
    if len(places) == len(scenarios):
        places = {}
    return {
        "client": {
            case.client: client_label(case)
            for case in sorted(cases, key=lambda one: bool(one.client_version))
        },
        "loop": {case.loop: case.loop for case in cases},
        "place": {**(scenarios if len(scenarios) > 1 else {}), **places},
    }


def _policy(scripts: Iterable[str]) -> str:
    """A content security policy under which the page can load nothing and run nothing but our own scripts."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    everything = ("default-src 'none'", "style-src 'unsafe-inline'", f"script-src {allowed}")
    return "; ".join((*everything, "base-uri 'none'", "form-action 'none'"))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["said"] = _said
    environment.filters["strengthened"] = strengthened
    return environment


@cache
def _asset(name: str) -> str:
    return _PACKAGE.joinpath(name).read_text(encoding="utf-8")


def _said(fact: object) -> str:
    """A fact of run.json for a reader."""
    if fact is None:
        return "not known"
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    if isinstance(fact, int) and fact >= 1 << 20:
        return f"{fact:,}"
    return str(fact)


def strengthened(sentence: str) -> Markup:
    """The sentence with its ratios set apart and its figures kept on a line, everything else escaped."""
    whole = re.sub(r"(\d) %", "\\1\N{NO-BREAK SPACE}%", sentence)
    whole = _INTERVAL.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), whole)
    parts = _RATIO.split(whole)
    return Markup("").join(
        Markup("<strong>{}</strong>").format(part) if index % 2 else part for index, part in enumerate(parts)
    )
