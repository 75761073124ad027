"""``mqbench report``, and the page that a run leaves in its folder."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from runs import Made, run_folder

Run = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ("run", "smoke", "--client", "memory", "--loop", "asyncio", "--quick", "--set", "measure_s=0.2")


def test_a_stored_run_becomes_a_page_in_its_folder_or_where_asked(command: Run, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    run_folder(tmp_path / "results" / "first", [Made()])
    run_folder(tmp_path / "second", [Made(client="aioamqp")])
    alone = command("report", "first")
    assert (alone.returncode, alone.stdout.strip()) == (0, "results/first/report.html"), alone.stderr
    both = command("report", "first", "second", "--output", "both.html")
    assert both.returncode == 0, both.stderr
    text = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert (text.count("<h1 "), text.count("aioamqp") > 3) == (2, True)


def test_what_is_no_run_is_a_sentence(command: Run, tmp_path: Path) -> None:
    refused = command("report", "nothing")
    assert refused.returncode == 2
    assert "is not a run folder" in refused.stderr
    folder = run_folder(tmp_path / "run", [Made()])
    with (folder / "latency.hlog").open("a", encoding="utf-8") as log:
        log.write("Tag=x,1,2,3,broken\n")
    broken = command("report", "run")
    assert broken.returncode == 2
    assert "latency.hlog, line " in broken.stderr
    unwritable = command("report", "run", "--output", "missing/report.html")
    assert unwritable.returncode == 2


@pytest.mark.parametrize("format_", ["table", "json"])
def test_a_run_leaves_its_page_and_says_where(command: Run, tmp_path: Path, format_: str) -> None:
    ran = command(*QUICK, "--output", "run", "--format", format_)
    assert ran.returncode == 0, ran.stderr
    assert "report: run/report.html" in ran.stderr
    text = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "memory" in text
    if format_ == "json":
        json.loads(ran.stdout)


def test_a_run_that_is_told_not_to_leaves_no_page(command: Run, tmp_path: Path) -> None:
    ran = command(*QUICK, "--output", "run", "--no-report")
    assert ran.returncode == 0, ran.stderr
    assert not (tmp_path / "run" / "report.html").exists()


def test_the_wheel_holds_all_that_a_page_is_made_from(tmp_path: Path) -> None:
    if shutil.which("uv") is None:
        pytest.skip("uv builds the wheel")
    root = Path(__file__).parent.parent
    subprocess.run(
        ["uv", "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(root)], check=True, timeout=100
    )
    (wheel,) = tmp_path.glob("*.whl")
    listed = subprocess.run(
        ["python3", "-m", "zipfile", "--list", str(wheel)], check=True, capture_output=True, text=True
    ).stdout
    for path in (root / "bench/report/html").rglob("*.*"):
        if path.suffix in {".html", ".css", ".js", ".txt"}:
            assert str(path.relative_to(root)) in listed
