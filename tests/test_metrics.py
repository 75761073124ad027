"""``--metrics``: a real scrape during a real run, and nothing of it where nobody asked."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

Command = Callable[..., "subprocess.CompletedProcess[str]"]
ROOT = Path(__file__).parent.parent
LABELS = ("scenario", "point", "client", "loop", "protocol", "kind", "quantile")
LONG = ("--client", "memory", "--loop", "asyncio", "--rounds", "20", "--set", "warmup_s=0.1")


@contextmanager
def running(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command with a free port for its metrics, and their address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *words, "--metrics", "0"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "XDG_CACHE_HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        match = None
        while match is None and (line := process.stderr.readline()):
            match = re.match(r"metrics: (http://127\.0\.0\.1:\d+/metrics)", line)
        assert match is not None
        yield process, match[1]
    finally:
        process.terminate()
        process.communicate(timeout=60)


def scraped(url: str) -> dict[str, dict[tuple[str, ...], float]]:
    """The samples by name, and by the values of their labels."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[
                tuple(sample.labels[name] for name in LABELS if name in sample.labels)
            ] = sample.value
    return found


def test_the_figures_of_a_run_can_be_scraped_while_it_goes(tmp_path: Path) -> None:
    case = ("smoke", "", "memory", "asyncio", "memory")
    with running(tmp_path, "run", "smoke", *LONG) as (process, url):
        deadline = time.monotonic() + 60
        while not (first := scraped(url)).get("mqbench_messages_received_total"):
            assert process.poll() is None
            assert time.monotonic() < deadline
        assert set(first["mqbench_messages_received_total"]) == {case}
        assert first["mqbench_rate_messages_per_second"][case] > 0
        assert first["mqbench_messages_wrong_total"] == {
            (*case, kind): 0.0 for kind in ("lost", "duplicated", "reordered", "corrupted")
        }
        assert first["mqbench_turns_done"][()] < first["mqbench_turns_planned"][()]
        later = first
        while later["mqbench_messages_received_total"] == first["mqbench_messages_received_total"]:
            assert time.monotonic() < deadline
            later = scraped(url)
        assert later["mqbench_messages_received_total"][case] > first["mqbench_messages_received_total"][case]
        assert 0 < later["mqbench_turns_done"][()] < later["mqbench_turns_planned"][()]
        children = psutil.Process(process.pid).children(recursive=True)
        assert children  # the worker: it has no port
        assert not any(child.net_connections("tcp") for child in children)
    with pytest.raises(urllib.error.URLError):
        scraped(url)


@pytest.mark.parametrize(
    "words",
    [
        "soak --rate 500 --for 60s --window 1s --client memory",
        "sweep prefetch=1,100 --client memory --rounds 5 --set warmup_s=0.1",
        "check --base memory --candidate other.py --config gate.toml --rounds 4,7 --broker embedded",
    ],
    ids=lambda words: words.partition(" ")[0],
)
def test_other_commands_serve_their_figures_too(tmp_path: Path, words: str) -> None:
    (tmp_path / "other.py").write_text((ROOT / "bench" / "clients" / "memory.py").read_text())
    (tmp_path / "gate.toml").write_text('[[cells]]\nscenario = "headline"\nset = { warmup_s = 0.05 }\n')
    with running(tmp_path, *words.split()) as (process, url):
        deadline = time.monotonic() + 60
        while not (found := scraped(url)).get("mqbench_messages_received_total"):
            assert process.poll() is None
            assert time.monotonic() < deadline
        assert min(found["mqbench_messages_received_total"].values()) > 0
        assert set(found["mqbench_messages_wrong_total"].values()) == {0.0}
        assert found["mqbench_turns_planned"][()] > 0


def test_a_port_in_use_is_a_sentence_before_anything_is_measured(command: Command, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words in (("run", "smoke", "--client", "memory"), ("ab", "prefetch=1", "prefetch=2")):
            done = command(*words, "--metrics", str(port))
            assert done.returncode == 2
            assert re.search(
                rf"^mqbench: metrics cannot be served on 127\.0\.0\.1:{port} \(.+\); name another port",
                done.stderr,
            )
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("text", ["http", "70000", "-1", "host:"])
def test_what_is_no_port_is_a_sentence(command: Command, text: str) -> None:
    done = command("run", "smoke", "--client", "memory", "--metrics", text)
    assert done.returncode == 2
    assert "--metrics takes PORT or HOST:PORT, such as 9464" in done.stderr


def test_the_library_is_loaded_only_where_it_is_asked_for(tmp_path: Path) -> None:
    words = ["run", "smoke", "--client", "memory", "--loop", "asyncio", "--rounds", "1"]
    code = (
        "import sys; from bench.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print('prometheus_client' in sys.modules, file=sys.stderr)"
    )
    loaded = [
        subprocess.run(
            [sys.executable, "-c", code, *words, *more],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        ).stderr.splitlines()[-1]
        for more in ([], ["--metrics", "0"])
    ]
    assert loaded == ["False", "True"]
