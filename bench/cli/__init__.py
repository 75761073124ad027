"""Commands, options and exit codes: a module for each command; the only room that prints."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.ab import ab
from bench.cli.broker import broker
from bench.cli.calibrate import calibrate
from bench.cli.capacity import capacity
from bench.cli.check import check
from bench.cli.compare import compare
from bench.cli.doctor import doctor
from bench.cli.envs import envs
from bench.cli.export import export
from bench.cli.history import history
from bench.cli.init import init
from bench.cli.list import list_
from bench.cli.output import INTERRUPTED, LAST_WORDS, interrupting, to_stderr
from bench.cli.report import report
from bench.cli.run import run
from bench.cli.show import show
from bench.cli.soak import soak
from bench.cli.sweep import sweep
from bench.cli.trend import trend
from bench.cli.tune import tune
from bench.cli.validate import validate
from bench.errors import BenchError


class Commands(click.Group):
    """Ends every failure that the harness understands with one sentence and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with interrupting():
                return super().invoke(ctx)
        except BenchError as error:
            to_stderr(str(error))
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:  # before anything was measured, or after
            _interrupted(ctx)
        except RuntimeError as error:
            if not isinstance(error.__cause__, KeyboardInterrupt):
                raise
            _interrupted(ctx)  # Python 3.11 wraps it so while an imported module makes a class
        except BrokenPipeError:
            ctx.exit(0)


def _interrupted(ctx: click.Context) -> None:
    to_stderr(LAST_WORDS)
    ctx.exit(INTERRUPTED)


EPILOG = """\b
Examples:
  mqbench run                                     aio-pika and aioamqp, asyncio and uvloop
  mqbench run prefetch --client aio-pika          one question about one client
  mqbench run --set payload_bytes=32,1024,65536   any field of a scenario, one value or several
  mqbench ab aio-pika==9.6.2 aio-pika==10.2.1     which of two is faster
  mqbench sweep in_flight=1,4,16,64,256           where more of it costs more than it gains
  mqbench tune --client aiormq                    which settings a client needs
  mqbench capacity --p99 20ms                     the highest rate that is held at a latency
  mqbench soak --rate 500 --for 2h                is it held for hours, without drift or leak
  mqbench report results/RUN                      a stored run as one HTML page
  mqbench list scenarios                          what questions there are

\b
Completion of names in the shell:
  eval "$(_MQBENCH_COMPLETE=bash_source mqbench)"     also zsh_source; in fish pipe it to source

\b
Exit codes:
  0 every row is valid     2 usage: what was asked for does not exist or make sense
  1 a row is invalid       5 the broker, a worker or the machine failed     130 interrupted
"""


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="mqbench", message="mqbench %(version)s")
def main() -> None:
    """Measure asyncio message-queue clients: every message accounted for, every guarantee stated."""


for command in (
    *(run, ab, compare, check, init, sweep, tune, capacity, soak),
    *(show, report, export, history, trend),
    *(list_, broker, envs, doctor, calibrate, validate),
):
    main.add_command(command)
