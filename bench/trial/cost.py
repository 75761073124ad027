"""What a row says of what its messages cost, what else went on meanwhile, and what limited it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.bottleneck import Bottleneck, bottleneck
from bench.gauges import NOTHING
from bench.trial import backlog
from bench.trial.amounts import rate_per_s
from bench.trial.schedule import target_rate_per_s

if TYPE_CHECKING:
    from bench.meters import HostNoise
    from bench.trial import Trial


def columns(trial: Trial) -> dict[str, Any]:
    """The columns that say what was used, as of all turns together."""
    turns = trial.turns
    usage = sum((turn.usage for turn in turns), NOTHING)
    elapsed_s = sum(turn.elapsed_s for turn in turns)
    broker = [turn.broker_cpu_s for turn in turns if turn.broker_cpu_s is not None]
    cpu_s, broker_s = usage.cpu_user_s + usage.cpu_system_s, sum(broker) if broker else None
    each_us = 1e6 / max(1, sum(turn.account.received for turn in turns))
    apart = [turn.consumer_usage for turn in turns if turn.consumer_usage is not None]
    apart_s = sum(one.cpu_user_s + one.cpu_system_s for one in apart)
    busiest_s = max(apart_s, cpu_s - apart_s)  # of two workers, each has a loop and a core of its own
    broker_cores = broker_s / elapsed_s if broker_s is not None and elapsed_s else None
    limit = _limit(trial, busiest_s / elapsed_s if elapsed_s else None, broker_cores)
    harness_us = trial.harness_cpu_us
    return {
        "client_cpu_us_per_message": cpu_s * each_us,
        "client_cpu_user_us_per_message": usage.cpu_user_s * each_us,
        "client_cpu_system_us_per_message": usage.cpu_system_s * each_us,
        "consumer_cpu_us_per_message": apart_s * each_us if apart else None,
        "broker_cpu_us_per_message": None if broker_s is None else broker_s * each_us,
        "client_cores": cpu_s / elapsed_s if elapsed_s else None,
        "broker_cores": broker_cores,
        "peak_rss_bytes": trial.peak_rss_bytes,
        "gc_collections": usage.gc_collections,
        "gc_pause_s": usage.gc_pause_s,
        "voluntary_switches": usage.voluntary_switches,
        "involuntary_switches": usage.involuntary_switches,
        "harness_share": min(1.0, harness_us / (cpu_s * each_us)) if harness_us and cpu_s else None,
        "bottleneck": limit.verdict,
        "bottleneck_why": limit.why,
        **_noise(trial.noise),
    }


def _limit(trial: Trial, client_cores: float | None, broker_cores: float | None) -> Bottleneck:
    return bottleneck(
        client_cores=client_cores,
        broker_cores=broker_cores,
        noise=trial.noise,
        usable_cores=trial.usable_cores,
        broker_max_cores=trial.broker.most_cores,
        rate_per_s=rate_per_s(trial.turns),
        target_rate_per_s=target_rate_per_s(trial.offered, sum(turn.messages for turn in trial.turns)),
        piled_up=backlog.piled_up(trial.case.scenario, trial.waits, trial.slice_messages),
    )


def _noise(noise: HostNoise | None) -> dict[str, Any]:
    return {
        "steal_share": noise and noise.steal_share,
        "cpu_pressure_share": noise and noise.cpu_pressure_share,
        "others_cores": noise and noise.others_cores,
        "host_switches_per_s": noise and noise.context_switches_per_s,
    }
