"""The arrows of the design: who may import whom, read from the source."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bench.environments.measured import MEASURED

ROOT = Path(__file__).parent.parent
OFFERED = {"bench", "bench.Scenario", "bench.Handler", "bench.Mix", "bench.Schedule"}
BENCH = ROOT / "bench"
PURE = {
    "arrivals",
    "handler",
    "mix",
    "work",
    "naming",
    "stats",
    "scenario",
    "bottleneck",
    "schema",
    "plan",
    "report",
    "trend",
    "sides",
    "comparison",
    "pilot",
    "gate",
    "cell",
    "alike",
    "contrast",
    "trial",
    "fitness",
    "answers",
}
IMPURE_LIBRARIES = {
    "socket",
    "subprocess",
    "asyncio",
    "psutil",
    "urllib",
    "http",
    "shutil",
    "tempfile",
    "signal",
}
# From the top: a room may import only rooms further down.
ORDER = [
    "__main__",
    "cli",
    "plugin",
    "metrics",
    "live",
    "doctor",
    "ledger",
    "starter",
    "check",
    "ab",
    "questions",
    "session",
    "instructions",
    "stage",
    "runner",
    "sameplan",
    "resuming",
    "ceiling",
    "pairing",
    "trial",
    "brokers",
    "engine",
    "environments",
    "answers",
    "report",
    "trend",
    "archive",
    "fitness",
    "pilot",
    "gate",
    "comparison",
    "exports",
    "contrast",
    "alike",
    "work",
    "naming",
    "cell",
    "hlog",
    "results",
    "schema",
    "stats",
    "bottleneck",
    "meters",
    "machine",
    "cgroup",
    "plan",
    "sides",
    "mixfile",
    "catalogue",
    "worker",
    "driver",
    "clients",
    "partitions",
    "routing",
    "counting",
    "gauges",
    "sockets",
    "histogram",
    "loops",
    "client",
    "scenario",
    "handler",
    "mix",
    "arrivals",
    "payload",
    "errors",
]


def modules() -> list[Path]:
    return sorted(BENCH.rglob("*.py"))


def room(path: Path) -> str:
    parts = path.relative_to(BENCH).with_suffix("").parts
    return "bench" if parts == ("__init__",) else parts[0]


@functools.cache
def nodes(path: Path) -> Sequence[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "bench":
                yield from (f"bench.{alias.name}" for alias in node.names)


def test_every_room_is_in_the_order() -> None:
    assert {room(path) for path in modules()} - {"bench"} == set(ORDER)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(BENCH)))
def test_arrows_point_down(path: Path) -> None:
    mine = room(path)
    targets = {name.split(".")[1] for name in imports(path) if name.startswith("bench.")} - {mine}
    known = targets & set(ORDER)
    allowed = (
        set(ORDER[ORDER.index(mine) + 1 :]) if mine != "bench" else {"scenario", "handler", "mix", "arrivals"}
    )
    assert known <= allowed


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(BENCH)))
def test_a_measured_process_imports_the_standard_library_alone(path: Path) -> None:
    if room(path) not in MEASURED:
        return
    foreign = (
        {name.split(".")[0] for name in imports(path)}
        - set(sys.stdlib_module_names)
        - {"bench", "__future__"}
    )
    assert foreign == set()


def test_only_the_worker_imports_an_adapter() -> None:
    importers = {
        room(path) for path in modules() for name in imports(path) if name.startswith("bench.clients")
    }
    assert importers - {"clients"} == set()  # the worker does it by name


@pytest.mark.parametrize("path", sorted((BENCH / "clients").glob("*.py")), ids=lambda path: path.stem)
def test_an_adapter_imports_the_contract_and_its_library(path: Path) -> None:
    ours = {name for name in imports(path) if name.startswith("bench.")}
    assert ours <= {"bench.client", "bench.errors", "bench.partitions", "bench.routing"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(BENCH)))
def test_pure_rooms_do_no_input_or_output(path: Path) -> None:
    if room(path) in PURE and path.stem != "reference":
        assert {name.split(".")[0] for name in imports(path)} & IMPURE_LIBRARIES == set()


def test_scenarios_import_bench_and_nothing_else() -> None:
    for path in (ROOT / "scenarios").glob("*.py"):
        assert set(imports(path)) <= OFFERED, path.name


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(BENCH)))
def test_every_module_says_its_one_job(path: Path) -> None:
    assert ast.get_docstring(nodes(path)[0])  # type: ignore[arg-type]  # a walk begins with the module


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(BENCH)))
def test_only_the_command_line_prints(path: Path) -> None:
    if room(path) == "cli":
        return
    calls = [
        node.func.id for node in nodes(path) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert "print" not in calls


@pytest.mark.parametrize("client", ["memory", "aio_pika", "aioamqp"])
def test_a_worker_loads_nothing_of_ours_beyond_the_measured_half(client: str) -> None:
    code = (
        "import sys; from bench.worker import load; load(sys.argv[1]);"
        "print(*sorted({name.split('.')[1] for name in sys.modules if name.startswith('bench.')}))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code, client], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(printed) <= MEASURED | {"clients"}


def test_a_worker_loads_no_library_that_its_client_does_not_need() -> None:
    code = (
        "import sys; from bench.worker import load; load('memory');"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    printed = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(printed) - set(sys.stdlib_module_names) - {"__main__"} == {"bench"}
