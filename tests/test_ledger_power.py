"""What is computed from equal sides: power by a known difference, by time, coverage, and other rules."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.errors import UsageError
from bench.ledger import ablation, nominal, page, plots, power, reading, storing
from bench.ledger.analysis import Judged
from bench.ledger.design import Design
from bench.ledger.replay import longer, shifted
from bench.schema import LEDGER_COLUMNS, LEDGER_ROUND_COLUMNS

ROOT = Path(__file__).parent.parent


def equal(
    count: int, *, spread: float = 0.03, condition: str = "quiet", rounds: int = 14, seed: int = 1
) -> list[Judged]:
    """Gates of equal sides with outcomes by the rule itself."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        rates = {
            arm: [[8000 * math.exp(float(random.normal(0, spread / 2**0.5)))] * 4 for _ in range(rounds)]
            for arm in ("base", "candidate", "control")
        }
        gate = Judged(
            condition=condition,
            kind="equal",
            level=0.0,
            outcome="",
            first=6,
            started_at="",
            took_s=17.0,
            whole=True,
            rates=rates,
        )
        (alone,) = longer([gate])
        made.append(replace(gate, outcome=alone.said()))
    return made


def seen(rows: Sequence[power.Shifted]) -> dict[float, float]:
    return {row.level: row.seen.hits / row.seen.of for row in rows}


def test_a_difference_is_a_share_of_time_or_of_messages() -> None:
    assert shifted(0.0) == 0
    assert math.exp(-shifted(0.05)) == pytest.approx(1.05)
    assert math.exp(shifted(-0.05)) == pytest.approx(1.05)


def test_a_fifth_is_seen_and_nothing_is_not() -> None:
    rows = power.by_shift(equal(20))
    assert [row.level for row in rows] == list(power.LEVELS)
    shares = seen(rows)
    assert (shares[0.0], shares[-0.05], shares[0.2]) == (0, 0, 1)
    assert shares[0.01] <= shares[0.05] <= shares[0.1]
    for row in rows:
        assert sum(share.hits for share in row.said.values()) == row.seen.of == 20
        assert row.faster is not None
    faster = {row.level: row.faster.hits for row in rows if row.faster is not None}
    assert faster[0.2] == 0
    assert faster[-0.05] > 10


def test_the_replay_says_what_the_gates_said_and_notices_one_that_said_something_else() -> None:
    gates = equal(6)
    assert power.replayed(gates) == power.Replayed(agree=6, former=0, of=6)
    gates[2] = replace(gates[2], outcome="environment unfit")
    assert power.replayed(gates).agree == 5
    gates[3] = replace(gates[3], outcome="invalid", rates={})
    assert power.replayed(gates).of == 5


def test_longer_gates_use_each_round_once_and_see_more() -> None:
    gates = equal(24, spread=0.04)
    together = list(longer(gates, 3))
    assert [one.rounds for one in together] == [(18, 24)] * 8
    assert sorted(effect for one in together for effect in (*one.first, *one.second)) == sorted(
        effect for gate in gates for effect in gate.effects()
    )
    rows = power.by_time(gates)
    assert {row.gates: round(row.seconds) for row in rows} == {1: 17, 2: 34, 3: 51}
    single, triple = (seen([row for row in rows if row.gates == each]) for each in (1, 3))
    assert triple[0.05] > single[0.05]
    assert triple[0.0] == 0


def ended_early(gates: Sequence[Judged]) -> list[Judged]:
    return [
        replace(gate, whole=False, rates={arm: rounds[:6] for arm, rounds in gate.rates.items()})
        for gate in gates
    ]


def test_of_gates_that_ended_early_only_the_first_stage_and_the_outcome_are_used() -> None:
    whole, early = equal(8), ended_early(equal(5, seed=2))
    assert power.by_shift([*whole, *early]) == power.by_shift(whole)
    assert power.by_time([*whole, *early]) == power.by_time(whole)
    assert ablation.shifted_rules([*early, *whole], (0.0,)) == ablation.shifted_rules(whole, (0.0,))
    first, second, every = nominal.nominal([*whole, *early])
    assert [one.covered.of for one in (first, second, every)] == [13, 8, 8]
    text = page.written(reading_design(), {}, page.Findings.of(early), "led", {})
    assert "| quiet | 5 | 0 |" in text
    assert text.count("No such gate has been made.") == 6


def test_intervals_and_p_values_of_equal_sides_keep_their_promise() -> None:
    first, second, every = nominal.nominal(equal(200))
    assert [one.rounds for one in (first, second, every)] == [6, 8, 14]
    for one in (first, second, every):
        assert one.covered.interval is not None
        assert one.covered.interval.low < 0.95 < one.covered.interval.high
        for level, share in one.below.items():
            assert share.interval is not None
            assert abs(share.interval.estimate - one.expected(level)) < 0.12
    assert first.expected(0.05) == 3 / 64
    wrong = [
        replace(gate, rates={**gate.rates, "base": [[9000.0] * 4] * 14}) for gate in equal(20, spread=0.01)
    ]
    assert nominal.nominal(wrong)[0].covered.hits == 0


def test_a_gate_that_was_judged_by_the_mean_is_told_from_one_that_is_judged_wrongly() -> None:
    slower = [-0.03 - step / 1000 for step in range(14)]
    slower[3], slower[11] = 0.4, -1.5
    rates = {"base": [[1000.0]] * 14, "control": [[1000.0 + number] for number in (-1, 1) * 7]}
    rates["candidate"] = [[1000 * math.exp(effect)] for effect in slower]
    (gate,) = (replace(one, rates=rates) for one in equal(1))
    (alone,) = longer([gate])
    assert alone.said() != alone.said(by="mean")
    for outcome, found in ((alone.said(), (1, 0)), (alone.said(by="mean"), (0, 1)), ("missed", (0, 0))):
        again = power.replayed([replace(gate, outcome=outcome)])
        assert (again.agree, again.former) == found


def test_ranks_lose_no_gate_to_a_few_wild_rounds_that_the_mean_loses() -> None:
    gates = []
    for gate in equal(24, spread=0.02):
        wild = [*gate.rates["candidate"][:9], [2000.0] * 4, *gate.rates["candidate"][10:]]
        gates.append(replace(gate, rates={**gate.rates, "candidate": wild}))
    ours, former = (seen(power.by_time(gates, by)) for by in ("ranks", "mean"))
    assert ours[0.02] > former[0.02]
    assert ours[0.0] == 0


def test_other_rules_get_the_changed_rates_too() -> None:
    gates = equal(10, spread=0.01)
    rows = {row.name: row for row in ablation.shifted_rules(gates, power.LEVELS)}
    assert list(rows)[:2] == [ablation.OURS, ablation.FORMER]
    assert {share.of for row in rows.values() for share in row.by_level.values()} == {10}
    assert rows["turns, 5 % on the mean"].by_level[0.0].hits == 0
    assert rows["turns, 5 % on the mean"].by_level[0.1].hits == 10
    assert rows["twice the previous"].by_level[0.2].hits == 0
    assert rows[ablation.OURS].by_level[0.1].hits == 10


def test_conditions_stand_apart_with_quiet_first() -> None:
    gates = [*equal(2, condition="bursty"), *equal(2, condition="busy"), *equal(2)]
    rows = power.by_shift(gates)
    assert list(dict.fromkeys(row.condition for row in rows)) == ["quiet", "busy", "bursty"]


def reading_design() -> Design:
    return Design(
        client="memory", broker="embedded", rounds=(6, 8), slices=4, seed=7, message_us=3.0,
        units={"work": {"0.05": 1.0}}, slice_s=0.05, warmup_s=0.02,
    )  # fmt: skip


def stored(folder: Path, gates: Sequence[Judged]) -> Path:
    """The files of a ledger with these gates."""
    folder.mkdir()
    facts = {"design": reading_design().to_json(), "fingerprint": {"cores_online": 2, "cpu_name": "CPU"}}
    (folder / storing.LEDGER).write_text(json.dumps(facts))
    for number, gate in enumerate(gates):
        row = dict.fromkeys((column.name for column in LEDGER_COLUMNS), "")
        row |= {name: str(getattr(gate, name)) for name in ("condition", "kind", "level", "outcome", "first")}
        row["whole"] = str(gate.whole)
        row |= {"key": f"gate {number}", "took_s": str(gate.took_s)}
        storing.append(folder / storing.GATES, LEDGER_COLUMNS, [row])
        storing.append(
            folder / storing.ROUNDS,
            LEDGER_ROUND_COLUMNS,
            [
                {"key": f"gate {number}", "round": place, "arm": arm, "rates_per_s": " ".join(map(str, one))}
                for arm, rounds in gate.rates.items()
                for place, one in enumerate(rounds, start=1)
            ],
        )
    return folder


def test_a_page_has_its_plots_beside_it_and_is_the_same_again(tmp_path: Path) -> None:
    ledger = stored(tmp_path / "led", [*equal(4), *equal(4, condition="busy", seed=2)])
    written = reading.write_page(ledger, tmp_path / "validation.md")
    assert {path.name for path in written} == {
        "validation.md", *(f"validation-{name}.svg" for name in page.PLOTS),
    }  # fmt: skip
    first = {path.name: path.read_bytes() for path in written}
    text = first["validation.md"].decode()
    assert all(f"](validation-{name}.svg)" in text for name in page.PLOTS)
    assert "it does in 8 of 8." in text
    for name in page.PLOTS:
        picture = first[f"validation-{name}.svg"].decode()
        assert "quiet" in picture
        assert "dc:date" not in picture
    again = reading.write_page(ledger, tmp_path / "validation.md")
    assert {path.name: path.read_bytes() for path in again} == first
    assert "svg" not in reading.page_of(ledger)


def test_without_matplotlib_one_sentence_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pip install matplotlib"):
        reading.write_page(stored(tmp_path / "led", equal(1)), tmp_path / "page.md")
    assert not (tmp_path / "page.md").exists()


def test_the_documentation_has_the_page_once_it_is_there(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the documentation is built where its group is installed")
    shutil.copytree(
        ROOT, tmp_path / "copy",
        ignore=shutil.ignore_patterns(".*", "_build", "generated", "tests", "uv.lock", "__pycache__"),
    )  # fmt: skip
    docs = tmp_path / "copy" / "docs"
    reading.write_page(stored(tmp_path / "led", equal(3)), docs / "validation.md")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(docs),
         str(tmp_path / "built")],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'href="validation.html"' in (tmp_path / "built" / "index.html").read_text()
    assert "validation-power" in (tmp_path / "built" / "validation.html").read_text()
