"""The highest rate that is held with a latency under a limit and no backlog: from trials to the answer.

A trial is a round or several at one rate, each a single stretch whose messages are due at set times. A round
holds the rate where every message came, the 99th percentile of the latency from those times is within the
limit, and the last message came no later after it was due than the limit (or a hundredth of the stretch)
allows: a backlog would have made it later. Of several rounds most must hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.answers import Answer
from bench.answers.wording import ms, per_s, where, who
from bench.report.grid import Heading, Row, grid
from bench.report.summary import summarise
from bench.schema import CAPACITY_COLUMNS
from bench.stats.highest import Seen
from bench.stats.intervals import Interval, rate_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.answers import Rows
    from bench.report.summary import CaseSummary

_BEHIND_SHARE = 0.01
FEWEST_FOR_INTERVAL = 3
"""Two rounds give an interval that says nothing: the t of one degree of freedom is 12.7."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One trial: whether it holds, why not, and the p99 of its rounds with its interval."""

    case: CaseSummary
    asked_per_s: float
    full: bool
    holds: bool
    reason: str
    p99: Interval | None
    p99_us: float | None


def round_fails(row: Mapping[str, Any], limit_us: float) -> str | None:
    """Why a row of trials.csv does not hold its rate; None if it does."""
    if row["status"] != "valid":
        return str(row["reason"])
    behind_s = _behind_s(row)
    if behind_s is not None and behind_s > max(limit_us / 1e6, _BEHIND_SHARE * (row["elapsed_s"] - behind_s)):
        share = row["rate_per_s"] / row["target_rate_per_s"]
        waiting = (
            f", {held:,} messages waited in the broker" if (held := row.get("broker_messages_end")) else ""
        )
        return f"a backlog grew: {100 * share:.1f} % of the rate came through{waiting}"
    if (p99_us := row["latency_p99_us"]) is None:
        return "too few messages for a 99th percentile"
    if p99_us <= limit_us:
        return (
            None  # also of a generator that was late: that only adds to latency from when a message was due
        )
    if row["latency_valid"] is False:
        return f"p99 was {ms(p99_us)} ms, but {str(row['latency_reason']).partition(';')[0]}"
    return f"p99 was {ms(p99_us)} ms"


def _behind_s(row: Mapping[str, Any]) -> float | None:
    """How long after the end of its schedule a round's last message came."""
    if not row["target_rate_per_s"] or not row["sent"]:
        return None
    return float(row["elapsed_s"]) - float(row["sent"]) / float(row["target_rate_per_s"])


def seen(rows: Rows, limit_us: float) -> Seen:
    """What a trial's rows tell the search."""
    fails = [round_fails(row, limit_us) for row in rows]
    latencies = [float(row["latency_p99_us"]) for row in rows if row["latency_p99_us"]]
    return Seen(holds=fails.count(None) > len(fails) / 2, latency_us=median(latencies) if latencies else None)


def answer(question: Mapping[str, Any], rows: Rows, _: Rows) -> Answer:
    limit_us = float(question["p99_us"])
    trials = [
        judged for trial in question["trials"] if (judged := _judged(trial, rows, limit_us)) is not None
    ]
    settled, said = sentence(question, trials, limit_us)
    return Answer(
        kind="capacity",
        columns=CAPACITY_COLUMNS,
        rows=[_row(trial) for trial in trials],
        shown=grid(_HEADINGS, (Row(_shown(trial)) for trial in trials)),
        sentences=[said],
        settled=settled,
        failed="unfit" in question,
        beware=frozenset(trial.case.case for trial in trials if trial.full and trial.holds),
    )


def _judged(trial: Mapping[str, Any], rows: Rows, limit_us: float) -> Judged | None:
    mine = [row for row in rows if row["case"] == trial["case"]]
    if not mine:
        return None
    (case,) = summarise(mine)
    found = seen(mine, limit_us)
    fails = [why for row in mine if (why := round_fails(row, limit_us)) is not None]
    latencies = [float(row["latency_p99_us"]) for row in mine if row["latency_p99_us"]]
    return Judged(
        case=case,
        asked_per_s=float(trial["rate_per_s"]),
        full=bool(trial["full"]),
        holds=found.holds,
        reason="" if found.holds else fails[0],
        p99=rate_interval(latencies) if len(latencies) >= FEWEST_FOR_INTERVAL else None,
        p99_us=found.latency_us,
    )


def _row(trial: Judged) -> dict[str, Any]:
    return {
        "case": trial.case.case,
        "full": trial.full,
        "asked_rate_per_s": trial.asked_per_s,
        "holds": trial.holds,
        "reason": trial.reason,
        "rounds": trial.case.rounds,
        "rate_per_s": trial.case.rate_per_s,
        "latency_p50_us": trial.case.latency_p50_us,
        "latency_p99_us": trial.p99_us,
        "latency_p99_low_us": trial.p99 and trial.p99.low,
        "latency_p99_high_us": trial.p99 and trial.p99.high,
    }


_HEADINGS = (
    *(Heading(name=name, number=True) for name in ("asked msg/s", "msg/s", "p50 ms", "p99 ms", "rounds")),
    Heading(name="trial"),
    Heading(name="holds"),
)


def _shown(trial: Judged) -> tuple[str, ...]:
    return (
        per_s(trial.asked_per_s),
        per_s(trial.case.rate_per_s),
        ms(trial.case.latency_p50_us),
        _p99(trial),
        str(trial.case.rounds),
        "full" if trial.full else "short",
        "yes" if trial.holds else f"no: {trial.reason}",
    )


def _p99(trial: Judged) -> str:
    if trial.p99 is None:
        return ms(trial.p99_us)
    return f"{ms(trial.p99_us)} [{ms(trial.p99.low)}, {ms(trial.p99.high)}]"


def sentence(question: Mapping[str, Any], trials: Sequence[Judged], limit_us: float) -> tuple[bool, str]:
    """Whether there is an answer, and the whole of it in words."""
    if (unfit := question.get("unfit")) is not None:
        return (
            False,
            f"There is no rate to look for: in a closed loop already the workload is invalid ({unfit}).",
        )
    limit, found = f"p99 under {ms(limit_us)} ms", question.get("found")
    if found is None or not trials:
        return False, "The search did not come to its end."
    name = who(trials[0].case)
    at = f"at {trials[0].case.scenario} against {where(trials[0].case)}"
    rate = found["rate_per_s"]
    if rate is None:
        return False, f"{name} meets {limit} at no rate {at}: {_best(found, trials)}."
    full = next(trial for trial in reversed(trials) if trial.full and trial.asked_per_s == rate)
    held = (
        f"{name} holds {per_s(rate)} messages a second with {limit} and no backlog {at}: in "
        f"{_windows(full.case.rounds)} of {question['window_s']:g} s or more p99 was {_p99(full)} ms"
    )
    above = found["above_per_s"]
    if above is None:
        return True, f"{held}. More was not tried."
    failed = next(
        trial for trial in reversed(trials) if trial.full and trial.asked_per_s == above and not trial.holds
    )
    return True, f"{held}. It does not hold {per_s(above)}: {failed.reason}."


def _windows(count: int) -> str:
    return "one window" if count == 1 else f"{count} windows"


def _best(found: Mapping[str, Any], trials: Sequence[Judged]) -> str:
    if found["best"] is None:
        return f"no rate had a latency to tell ({trials[-1].reason})"
    rate, latency_us = found["best"]
    why = next(
        (trial.reason for trial in trials if trial.asked_per_s == rate and not trial.holds), "it did not hold"
    )
    tail = "" if why.startswith("p99 was") else f" ({why})"
    return f"the best that was seen is p99 {ms(latency_us)} ms, at {per_s(rate)} messages a second{tail}"
