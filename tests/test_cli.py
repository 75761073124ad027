"""The command from outside: what it prints, what it writes, how it ends, and that nothing is left behind."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import psutil
import pytest

from bench import hlog

Command = Callable[..., "subprocess.CompletedProcess[str]"]
QUICK = ("smoke", "--rounds", "2", "--set", "warmup_s=0.05", "--loop", "asyncio")
LONG = ("headline", "--rounds", "50", "--loop", "asyncio", "--set", "warmup_s=0.1")
ROOT = Path(__file__).parent.parent


def sentence(ended: subprocess.CompletedProcess[str], code: int) -> str:
    """The one sentence on standard error of a command that failed; a traceback is never one."""
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    return next(line for line in reversed(ended.stderr.splitlines()) if line.startswith("mqbench: "))


@contextmanager
def started(tmp_path: Path, *words: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """The command while it runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(condition: Callable[[], object], limit_s: float = 30) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def rows_of(path: Path) -> int:
    return path.read_text().count("\n") - 1 if path.exists() else 0


def child(process: subprocess.Popen[str], words: str) -> psutil.Process | None:
    """The descendant whose command line says that."""
    for one in psutil.Process(process.pid).children(recursive=True):
        try:
            if words in " ".join(one.cmdline()):
                return one
        except psutil.Error:
            continue
    return None


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, err = process.communicate(timeout=30)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_a_run_ends_with_a_table_a_folder_and_what_it_was_measured_on(
    command: Command, tmp_path: Path, nothing_left: None
) -> None:
    done = command("run", *QUICK, "--client", "memory", "--output", "run")
    assert done.returncode == 0, done.stderr
    assert re.search(r"memory \S+ +asyncio +[\d,]+ .* ok", done.stdout)
    assert "run folder: run" in done.stdout
    assert re.search(r"Measured against in-process memory .*, on \d+ cores", done.stdout)
    trials = pd.read_csv(tmp_path / "run" / "trials.csv").query("status == 'valid'")
    assert list(trials["round"]) == [1, 2]
    assert (trials["received"] == trials["sent"]).all()
    assert (trials["rate_per_s"] > 0).all()
    assert len(pd.read_csv(tmp_path / "run" / "slices.csv")) == 2 * 3


def test_the_rows_of_trials_and_slices_and_histograms_agree(command: Command, tmp_path: Path) -> None:
    command("run", *QUICK, "--client", "memory", "--output", "run")
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    slices = pd.read_csv(tmp_path / "run" / "slices.csv")
    received = slices.groupby("round")["received"].sum()
    assert list(received) == list(trials["received"])
    intervals = hlog.read(tmp_path / "run" / "latency.hlog")
    totals = [one.histogram.total for one in intervals if one.tag and one.tag.endswith("metric=latency")]
    assert totals == list(trials["received"])


def test_the_same_seed_gives_the_same_order_of_turns(command: Command, tmp_path: Path) -> None:
    for name in ("one", "two"):
        loops = ("--loop", "asyncio", "--loop", "uvloop")
        command(
            "run", "smoke", *loops, "--client", "memory", "--seed", "7", "--rounds", "1", "--output", name
        )
    orders = [list(pd.read_csv(tmp_path / name / "slices.csv")["case"]) for name in ("one", "two")]
    assert orders[0] == orders[1]


def test_json_and_csv_are_all_that_standard_output_holds(command: Command, tmp_path: Path) -> None:
    done = command("run", *QUICK, "--client", "memory", "--format", "json", "--output", "run")
    (case,) = json.loads(done.stdout)
    assert (case["client"], case["status"], case["rounds"]) == ("memory", "valid", 2)
    shown = command("show", "run", "--format", "csv")
    assert shown.stdout.startswith("case,status,reason,scenario,")
    assert shown.stdout.count("\n") == 2


def test_a_file_of_sizes_is_in_every_row_whole_and_its_bytes_are_counted(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "sizes.csv").write_text("size,weight\n40,3\n1000-2000,1\n")
    words = ("--set", "payload_mix=file:sizes.csv", "--format", "json", "--output", "run")
    assert command("run", *QUICK, "--client", "memory", *words).returncode == 0
    (tmp_path / "sizes.csv").unlink()
    rows = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert set(rows["payload_mix"]) == {"40:3+1000-2000:1"}
    assert set(rows["payload_bytes"]) == {405}
    mean_bytes = rows["bytes_per_s"] / rows["rate_per_s"]
    assert mean_bytes.between(405 * 0.97, 405 * 1.03).all()
    assert (mean_bytes != 405).all()


def test_two_mixes_of_sizes_are_compared(command: Command, tmp_path: Path) -> None:
    (tmp_path / "sizes").write_text("40\n50\n")
    sides = ("payload_mix=40", "payload_mix=file:sizes")
    done = command("ab", *sides, "--client", "memory", "--rounds", "2", "--set", "warmup_s=0.05")
    assert "payload_mix=40:1+50:1" in done.stdout, done.stderr


def test_several_values_make_a_matrix_with_a_row_each(command: Command) -> None:
    done = command(
        "run", "smoke", "--client", "memory", "--loop", "asyncio", "--rounds", "1",
        "--set", "payload_bytes=32,64", "--set", "prefetch=1,100", "--format", "json",
    )  # fmt: skip
    points = [case["point"] for case in json.loads(done.stdout)]
    assert points == [f"prefetch={p} payload_bytes={b}" for b in (32, 64) for p in (1, 100)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("headlin",), "no scenario 'headlin'; did you mean 'headline'"),
        (("--set", "prefech=1"), "no scenario field 'prefech'; did you mean 'prefetch'"),
        (("--set", "payload_mix=9:1"), "payload_mix: 9:1 has a size under 32 bytes, which a stamp needs"),
        (("--set", "payload_mix=file:gone"), "the file of sizes gone cannot be read (No such file"),
        (
            ("mixed_payloads", "--set", "payload_bytes=32,1024"),
            "payload_bytes (32) and payload_mix (100:70+1000-4000:25+64000:5) both say how large",
        ),
        (("--set", "prefetch"), "--set takes FIELD=VALUE"),
        (("--set", "prefetch=many"), "prefetch must be a whole number, got 'many'"),
        (
            ("--set", "prefetch=-5", "--set", "consumers=0"),
            "consumers must be at least 1, got 0; prefetch must be at least 1, got -5",
        ),
        (
            ("--set", "prefetch=x,consumers=0", "--set", "measure_s=y", "--set", "fan_out"),
            "prefetch must be a whole number, got 'consumers=0' (each field needs its own --set); ",
        ),
        (
            ("--set", "prefetch=x", "--set", "measure_s=y", "--set", "fan_out"),
            "'x'; measure_s must be a number, got 'y'; --set takes FIELD=VALUE or FIELD=VALUE,VALUE, got",
        ),
        (("--set", "producers=1000000"), "producers must be at most 10,000, got 1,000,000"),
        (("--client", "celery"), "no client 'celery'; there are: aio-pika, "),
        (("--client", "celery"), "redis; to measure another, write an adapter, one file"),
        (("--client", "aiopika"), "no client 'aiopika'; did you mean 'aio-pika'"),
        (("--client", "memory", "--loop", "uvlop"), "no loop 'uvlop'; did you mean 'uvloop'"),
        (("--broker", "natve"), "no broker 'natve'; did you mean 'native'"),
        (("--broker", "http://localhost"), "no broker URL scheme 'http'"),
    ],
)
def test_what_does_not_exist_or_make_sense_is_one_sentence(
    command: Command, words: tuple[str, ...], message: str, tmp_path: Path, nothing_left: None
) -> None:
    done = command("run", *words)
    assert message in sentence(done, 2)
    assert done.stdout == ""
    assert not (tmp_path / "results").exists()


def test_bodies_too_small_for_a_stamp_are_said_once(command: Command) -> None:
    done = command("run", *QUICK, "--client", "memory", "--set", "payload_bytes=10")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("their messages were counted, not identified") == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("loses", r"\d+ lost of \d+ messages"),
        ("duplicates", r"\d+ duplicated of \d+ messages"),
        ("corrupts", r"\d+ corrupted of \d+ messages"),
        ("reorders", r"reordered of \d+ messages"),
        ("stalls", r"publishing stood still for 1 s with \d+ of \d+ publishes unanswered"),
        ("raises", "failed in the background .*: ConnectionError: the background task lost its connection"),
        ("refuses", "ConnectionError: the broker said no"),
        ("confirms_early", "50 publishes were reported as confirmed when the broker held only"),
        ("dies", "the worker was killed by SIGKILL"),
    ],
)
def test_a_faulty_client_makes_its_row_invalid_and_the_exit_code_1(
    command: Command,
    faulty: Callable[[str], str],
    tmp_path: Path,
    fault: str,
    reason: str,
    nothing_left: None,
) -> None:
    words = ("headline", "--rounds", "2", "--loop", "asyncio", "--limit", "1", "--output", "run")
    done = command("run", *words, "--client", faulty(fault), "--client", "memory")
    assert re.search(reason, sentence(done, 1))
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    wrong = trials[trials["client"] != "memory"]
    assert list(wrong["status"]) == ["invalid"]
    assert re.search(reason, wrong["reason"].iloc[0])
    assert list(trials[trials["client"] == "memory"]["status"]) == ["valid", "valid"]


def test_a_client_that_hangs_is_given_up_within_its_limit(
    command: Command, faulty: Callable[[str], str], nothing_left: None
) -> None:
    done = command("run", *QUICK, "--limit", "1", "--client", faulty("hangs"))
    assert "the worker did not answer" in sentence(done, 1)


def test_a_loop_that_is_missing_is_a_skipped_row_with_what_mends_it(command: Command, tmp_path: Path) -> None:
    (tmp_path / "hidden.py").write_text(
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'rloop' else real(name, *a)\n"
        "from bench.cli import main; main()\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "hidden.py",
            "run",
            *QUICK,
            "--loop",
            "rloop",
            "--client",
            "memory",
            "--output",
            "run",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "rloop is not installed; install it with: uv sync --extra rloop" in done.stdout
    assert list(pd.read_csv(tmp_path / "run" / "trials.csv")["status"]) == ["skipped", "valid", "valid"]


def test_a_results_folder_that_cannot_be_written_is_found_before_measuring(
    command: Command, tmp_path: Path, nothing_left: None
) -> None:
    (tmp_path / "file").touch()
    done = command("run", *QUICK, "--client", "memory", "--output", "file/run")
    assert "cannot write results to file/run" in sentence(done, 2)
    assert "warming up" not in done.stderr


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("amqp://user:secret-word@127.0.0.1:1/", r"no broker at amqp://…@127\.0\.0\.1:1/ .*refused"),
        (
            "amqp://guest:secret-word@127.0.0.1:{port}/",
            "password|refused the log-in|ACCESS_REFUSED|credentials",
        ),
        ("amqp://guest:{password}@127.0.0.1:{port}/nowhere", "vhost|virtual host"),
    ],
)
def test_a_broker_that_cannot_be_used_is_one_sentence_without_the_password(
    command: Command, embedded_url: str, url: str, message: str, tmp_path: Path, nothing_left: None
) -> None:
    password, port = re.match(r"amqp://[^:]*:([^@]*)@[^:]*:(\d+)", embedded_url).groups()  # type: ignore[union-attr]
    done = command("run", *QUICK, "--broker", url.format(password=password, port=port), "--output", "run")
    assert re.search(message, sentence(done, 5))
    everything = done.stdout + done.stderr + "".join(p.read_text() for p in (tmp_path / "run").glob("*"))
    assert "secret-word" not in everything
    assert password not in everything


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_a_limit_that_is_no_number_of_seconds_is_refused(command: Command, number: str) -> None:
    done = command("run", "smoke", "--client", "memory", "--limit", number)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        f"Error: Invalid value for '--limit': {number} is not a finite number.",
    )


def test_the_password_of_a_good_broker_is_stored_nowhere(
    command: Command, embedded_url: str, tmp_path: Path, nothing_left: None
) -> None:
    done = command("run", *QUICK, "--client", "aioamqp", "--broker", embedded_url, "--output", "run")
    assert done.returncode == 0, done.stderr
    password = re.match(r"amqp://[^:]*:([^@]*)@", embedded_url)[1]  # type: ignore[index]
    everything = done.stdout + done.stderr + "".join(p.read_text() for p in (tmp_path / "run").glob("*"))
    assert password not in everything


@pytest.fixture
def embedded_url(tmp_path: Path) -> Iterator[str]:
    """A broker that somebody else runs."""
    with started(tmp_path, "broker", "embedded") as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 130


@pytest.mark.parametrize("client", ["aio-pika", "aioamqp"])
def test_a_broker_that_dies_in_a_turn_ends_the_run_with_what_was_measured(
    tmp_path: Path, client: str, nothing_left: None
) -> None:
    with started(
        tmp_path, "run", *LONG, "--client", client, "--broker", "embedded", "--output", "run"
    ) as process:
        until(lambda: rows_of(tmp_path / "run" / "slices.csv") > 2)
        broker = child(process, "-m bench.brokers.amqp")
        assert broker is not None
        broker.kill()
        done = ended(process)
    assert re.search(r"the broker \(embedded mqbench-amqp\) died in turn \d+", sentence(done, 5))
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert list(trials["status"]) == ["invalid"]
    assert (trials["received"] > 0).all()
    assert json.loads((tmp_path / "run" / "run.json").read_text())["finished"] is False


def test_a_broker_of_somebody_elses_that_goes_away_ends_the_run_with_what_was_measured(
    tmp_path: Path, nothing_left: None
) -> None:
    with started(tmp_path, "broker", "embedded") as broker:
        assert broker.stdout is not None
        url = broker.stdout.readline().strip()
        words = ("--client", "aio-pika", "--broker", url, "--limit", "2", "--output", "run")
        with started(tmp_path, "run", *LONG, *words) as process:
            until(lambda: rows_of(tmp_path / "run" / "slices.csv") > 2)
            broker.send_signal(signal.SIGTERM)
            done = ended(process)
    assert "the broker (external mqbench) died in turn" in sentence(done, 5)
    assert list(pd.read_csv(tmp_path / "run" / "trials.csv")["status"]) == ["invalid"]


def test_a_broker_that_stops_answering_is_a_stall(tmp_path: Path, nothing_left: None) -> None:
    words = ("--client", "aioamqp", "--broker", "embedded", "--limit", "1", "--output", "run")
    with started(tmp_path, "run", *LONG, *words) as process:
        until(lambda: rows_of(tmp_path / "run" / "slices.csv") > 2)
        broker = child(process, "-m bench.brokers.amqp")
        assert broker is not None
        broker.suspend()
        done = ended(process)
    assert re.search("stood still for 1 s", sentence(done, 1))


def test_a_broker_that_blocks_publishers_is_a_stall(
    tmp_path: Path, command: Command, nothing_left: None
) -> None:
    broker = subprocess.Popen(
        [sys.executable, "-m", "bench.brokers.amqp", "--max-memory-mb", "1"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert broker.stdout is not None
        url = json.loads(broker.stdout.readline())["url"]
        done = command(
            "run", "consume", "--client", "aio-pika", "--loop", "asyncio", "--broker", url, "--rounds", "1",
            "--limit", "1", "--set", "payload_bytes=65536",
        )  # fmt: skip
    finally:
        broker.terminate()
        broker.communicate()
    assert re.search(
        r"publishing stood still for 1 s with \d+ of \d+ publishes unanswered", sentence(done, 1)
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["starting", "measuring"])
def test_an_interrupted_run_keeps_what_it_measured_and_leaves_nothing(
    tmp_path: Path, how: signal.Signals, moment: str, nothing_left: None
) -> None:
    words = ("--client", "aio-pika", "--broker", "embedded", "--output", "run")
    with started(tmp_path, "run", *LONG, *words) as process:
        if moment == "starting":
            until((tmp_path / "run" / "run.json").exists)
        else:
            until(lambda: rows_of(tmp_path / "run" / "slices.csv") > 2)
        process.send_signal(how)
        done = ended(process)
    assert sentence(done, 130) == "mqbench: interrupted; what was measured so far is kept"
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (facts["finished"], facts["outcome"]) == (False, "interrupted")
    if moment == "measuring":
        trials = pd.read_csv(tmp_path / "run" / "trials.csv")
        assert trials["reason"].str.startswith("interrupted after").all()


def test_a_killed_parent_leaves_no_worker_and_no_broker(tmp_path: Path, nothing_left: None) -> None:
    words = ("--client", "aio-pika", "--broker", "embedded", "--output", "run")
    with started(tmp_path, "run", *LONG, *words) as process:
        until(lambda: rows_of(tmp_path / "run" / "slices.csv") > 2)
        process.kill()
        process.communicate()
    assert rows_of(tmp_path / "run" / "slices.csv") > 2


def test_a_client_that_hangs_does_not_outlive_a_killed_parent(
    tmp_path: Path, faulty: Callable[[str], str], nothing_left: None
) -> None:
    with started(tmp_path, "run", *QUICK, "--client", faulty("hangs"), "--output", "run") as process:
        until(lambda: child(process, "-m bench.worker"))
        time.sleep(1)  # by now it may hang; where it does not yet, it ends as any other
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="it has neither pipes with names nor these signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_measures_nothing_is_interrupted_in_the_same_words(
    tmp_path: Path, how: signal.Signals, nothing_left: None
) -> None:
    (tmp_path / "run").mkdir()
    facts = tmp_path / "run" / "run.json"
    os.mkfifo(facts)
    with started(tmp_path, "show", "run") as process:
        writing = os.open(facts, os.O_WRONLY)  # comes back once the command reads, which then waits for us
        process.send_signal(how)
        done = ended(process)
        os.close(writing)
    assert sentence(done, 130) == "mqbench: interrupted; what was measured so far is kept"


@pytest.mark.parametrize("what", ["scenarios", "clients", "loops", "brokers"])
def test_list_says_what_there_is(command: Command, what: str) -> None:
    known = {"scenarios": "headline", "clients": "aio-pika", "loops": "uvloop", "brokers": "embedded"}
    done = command("list", what)
    assert done.returncode == 0
    assert known[what] in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not count all of it")
def test_a_row_has_what_the_kernel_counted(command: Command, tmp_path: Path) -> None:
    words = ("run", "smoke", "--client", "memory", "--loop", "asyncio", "--quick", "--no-report")
    done = command(*words, "--output", "r")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "r" / "trials.csv").open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    for name in ("bytes_per_s", "host_switches_per_s"):
        assert float(row[name]) > 0
    assert float(row["voluntary_switches"]) >= 0
    assert 0 <= float(row["steal_share"]) <= 1


def test_calibrate_measures_the_harness_itself(command: Command) -> None:
    done = command("calibrate", "--loop", "asyncio")
    assert re.search(r"asyncio +[\d,]+ +\d+\.\d+ ", done.stdout)


def test_help_shows_examples_and_exit_codes(command: Command) -> None:
    done = command("--help")
    assert "mqbench run prefetch --client aio-pika" in done.stdout
    assert "130 interrupted" in done.stdout


def test_showing_what_is_no_run_is_one_sentence(command: Command) -> None:
    assert "gone is not a run folder" in sentence(command("show", "gone"), 2)


def test_make_without_a_target_says_what_there_is() -> None:
    done = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True)
    for target in ("bench", "test", "lint", "overhead"):
        assert f"make {target} " in done.stdout


def test_what_a_client_finds_it_cannot_do_is_a_skipped_row_and_is_not_tried_again(
    command: Command, faulty: Callable[[str], str], tmp_path: Path
) -> None:
    words = ("--client", faulty("refuses_two"), "--set", "producers=1,2", "--output", "run")
    done = command("run", *QUICK, *words)
    assert done.returncode == 0, done.stderr
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert list(trials.query("producers == 2")["status"]) == ["skipped"]
    assert list(trials.query("producers == 2")["reason"]) == ["this broker takes one producer"]
    assert list(trials.query("producers == 1")["status"]) == ["valid", "valid"]


def test_nothing_that_could_be_run_is_one_sentence(command: Command, faulty: Callable[[str], str]) -> None:
    done = command("run", *QUICK, "--client", faulty("refuses_two"), "--set", "producers=2")
    assert sentence(done, 2) == "mqbench: nothing could be run: this broker takes one producer"
