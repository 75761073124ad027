"""Every command that a document or a help text shows is run, made short, or shown.py says why not.

All run in one folder that has what they name: stored runs, interrupted ones, a ledger, a checkout of
aio-pika that has a gate, and brokers, which are held by commands that are shown as well.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import NoReturn

import pytest
import shown
from click.testing import CliRunner
from contract.aside import aside
from documented import PAGES, ROOT, blocks
from interrupting import interrupted
from listeners import Listening, listed, listening
from papers import Authority
from runs import Made, run_folder

from bench.cli import main
from bench.errors import BrokerError

HOLDING = {
    "amqp": "mqbench broker embedded",
    "mqtt": "mqbench broker mosquitto --protocol mqtt",
    "kafka": "mqbench broker kafka --protocol kafka",
}
HOSTS = {
    "amqp://user@host/": "amqp",
    "amqp://user:password@host/": "amqp",
    "kafka://host:9092": "kafka",
    "mqtt://host": "mqtt",
}
GATE = """
base = "git:origin/main"
broker = "embedded"
[[cells]]
scenario = "headline"
set = { warmup_s = 0.05 }
"""
TURNS = ("--slices", "8", "--limit", "5")
INTERRUPTED = {
    "run": ("smoke", "--client", "memory", "--loop", "asyncio", "--rounds", "2", "--no-report", *TURNS),
    "check": ("--base", "memory", "--candidate", "memory", "--rounds", "2,1", *TURNS),
}
BACKEND = """
import zipfile
from pathlib import Path

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, about = "aio_pika-VERSION-py3-none-any.whl", "aio_pika-VERSION.dist-info"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        for path in sorted(Path("aio_pika").rglob("*")):
            wheel.write(path)
        wheel.write("METADATA", f"{about}/METADATA")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{about}/RECORD", "")
    return name
"""


def checkout_of_aio_pika(folder: Path) -> None:
    """The source of the installed aio-pika as a repository, so that it is built without a network."""
    found = distribution("aio-pika")
    source = Path(str(found.locate_file("aio_pika")))
    shutil.copytree(source, folder / "aio_pika", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "METADATA").write_text(str(found.read_text("METADATA")))
    (folder / "backend.py").write_text(BACKEND.replace("VERSION", found.version))
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "aio-pika"\nversion = "{found.version}"\n'
        f"dependencies = {[one for one in found.requires or () if 'extra ==' not in one]!r}\n"
    )
    (folder / ".gitignore").write_text(
        "/*\n!/aio_pika\n!/METADATA\n!/backend.py\n!/pyproject.toml\n!/.gitignore\n"
    )
    who = ("-c", "user.name=mqbench", "-c", "user.email=mqbench@localhost")
    for words in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        (*who, "commit", "-qm", "first"),
        ("update-ref", "refs/remotes/origin/main", "HEAD"),
    ):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def excused(reason: str) -> NoReturn:
    """Skips; where CI installs everything, a skip is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI must have it)")
    pytest.skip(reason)


@contextmanager
def held(line: str, folder: Path) -> Iterator[str]:
    """The URL of the broker that a command holds until it is interrupted."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *shlex.split(line)[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            excused(f"{line}: there is no such broker here")
        assert "://" in url
        yield url
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


class Stage:
    """The folder in which they run, and the brokers that they find, each started when it is asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._urls: dict[str, str] = {}
        self._secure: Listening | None = None

    def broker(self, protocol: str) -> str:
        if protocol not in self._urls:
            self._urls[protocol] = self._stack.enter_context(held(HOLDING[protocol], self.folder))
        return self._urls[protocol]

    def secure(self) -> Listening:
        """Behind TLS, with the files ca.pem, me.pem and me.key that it takes."""
        if self._secure is None:
            authority = Authority(self.folder, "ca")
            papers = authority.certify("me")
            shutil.copy(papers.certificate, self.folder / "me.pem")
            shutil.copy(papers.key, self.folder / "me.key")
            self._secure = self._stack.enter_context(aside(listening(listed("amqp"), authority)))[0]
        return self._secure

    def filled_in(self, line: str) -> str:
        """The line with what is here in the place of hosts and checkouts that are nowhere."""
        if "amqps://host/" in line:
            secure = self.secure()
            return line.replace("amqps://host/", secure.demanding if "--tls-key" in line else secure.url)
        for url, protocol in HOSTS.items():
            if url in line:
                line = line.replace(url, self.broker(protocol))
        if "--resume" in line:
            line = re.sub(r"\bRUN\b", "CUT", line)
        return re.sub(r"file:///(path/to/)?checkout", self.folder.as_uri(), line)

    def ledger(self) -> None:
        """A gate in results/ledger, if there is none."""
        line = "mqbench validate make results/ledger"
        assert CliRunner().invoke(main, shown.brief(line)[1:]).exit_code == 0

    def interrupt(self, kind: str) -> None:
        """Makes results/CUT one that was interrupted: a ``run``, or a gate (``check``)."""
        shutil.rmtree(self.folder / "results" / "CUT", ignore_errors=True)
        interrupted(kind, *INTERRUPTED[kind], cwd=self.folder, within=2, folder="results/CUT")


def prepare(folder: Path) -> None:
    checkout_of_aio_pika(folder)
    (folder / "bench" / "clients").mkdir(parents=True)
    shutil.copy(ROOT / "bench" / "clients" / "memory.py", folder / "bench" / "clients")
    for page in PAGES:
        for block in blocks(page):
            if block.mark.startswith("file "):
                (folder / block.mark.removeprefix("file ")).write_text(block.text)
    shutil.copy(ROOT / "bench" / "clients" / "memory.py", folder / "my_client.py")
    for name in ("results", "docs", "archive"):
        (folder / name).mkdir()
    (folder / "results" / "reference").symlink_to(ROOT / "results" / "reference")
    cases = [Made(), Made(client="aioamqp", version="0.15.0", loop="uvloop", rate_per_s=2000)]
    for name in ("RUN", "LAST_WEEK", "TODAY", "A", "B", "C", "first", "20260101-120000-headline-1a2b"):
        run_folder(folder / "results" / name, cases)
    run_folder(folder / "archive" / "old", cases)
    for name in ("mqbench.toml", "gate.toml"):
        (folder / name).write_text(GATE)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Environments of clients and checkouts are built in a cache of its own, by what uv has downloaded."""
    folder = tmp_path_factory.mktemp("shown")
    cache = folder / "cache" / "mqbench"
    cache.mkdir(parents=True)
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mqbench"
    for jars in kept.glob("kafka-*"):
        (cache / jars.name).symlink_to(jars)
    temporary = folder / "temporary"
    temporary.mkdir()
    downloads = subprocess.run(["uv", "cache", "dir"], check=True, capture_output=True, text=True).stdout
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache.parent))
        patch.setenv("UV_CACHE_DIR", downloads.strip())
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", None)
        for name in [name for name in os.environ if name.startswith("MQBENCH_")]:
            patch.delenv(name)
        prepare(folder)
        with ExitStack() as stack:
            yield Stage(folder, stack)
        assert list(temporary.iterdir()) == []


def test_what_is_not_run_is_shown() -> None:
    assert set(shown.NOT_RUN) - set(shown.lines()) == set()


@pytest.mark.parametrize("line", shown.once())
def test_a_command_that_is_shown_runs(stage: Stage, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stage.folder)
    if line.startswith("mqbench broker"):
        with held(line, stage.folder):
            return
    if not line.startswith("mqbench ") or ">" in line:
        run_by_shell(stage.filled_in(line))
        return
    protocol = shown.protocol(line)
    if protocol != "memory" and "--broker" not in line:
        monkeypatch.setenv("MQBENCH_BROKER_URL", stage.broker(protocol))
    if "--resume" in line:
        stage.interrupt(shown.name(line))
    if "validate report" in line:
        stage.ledger()
    words = shown.brief(stage.filled_in(line))
    if "--output results/" in line:
        shutil.rmtree(words[words.index("--output") + 1], ignore_errors=True)
    done = CliRunner().invoke(main, words[1:], prog_name="mqbench")
    is_missing = done.exit_code == BrokerError.exit_code and done.exit_code not in shown.ends(line)
    if is_missing or "without a network" in done.output:
        excused(done.output.splitlines()[-1])
    assert done.exit_code in shown.ends(line), f"{shlex.join(words)}\n{done.output}\n{done.exception!r}"


def run_by_shell(line: str) -> None:
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shell = next((name for name in ("zsh", "fish") if f"{name}_source" in line), "bash")
    if (
        shutil.which(shell) is None
    ):  # that shell would read what the command writes, which is run all the same
        line, shell = f"_MQBENCH_COMPLETE={shell}_source mqbench", "bash"
    done = subprocess.run(
        [shell, "-c", line],
        env={**os.environ, "PATH": folders},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert done.stderr == ""
