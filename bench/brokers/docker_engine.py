"""Finds Docker's client and asks its engine whether it is there, without starting the client."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from bench.brokers.ports import os_reason
from bench.errors import BrokerError

PING_LIMIT_S = 0.15  # an engine answers a ping in a few ms; a list of brokers must not wait for a dead one
CLIENT_LIMIT_S = 5.0
HTTP_PORT = 2375
DEFAULT_HOST = "npipe:////./pipe/docker_engine" if sys.platform == "win32" else "unix:///var/run/docker.sock"
PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


def docker_client() -> str:
    """The path of a client with the compose plugin and an engine; raises BrokerError with what is missing."""
    client = shutil.which("docker")
    if client is None:
        raise BrokerError("docker is not installed")
    _ping(_host())
    if not _has_compose(client):
        raise BrokerError("docker has no compose plugin (docker-compose-plugin or docker-compose-v2)")
    return client


def _configuration() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _settings(path: Path) -> dict[str, object]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _host() -> str:
    """Where the client would look for the engine: DOCKER_HOST, or the current context."""
    if host := os.environ.get("DOCKER_HOST"):
        return host
    context = os.environ.get("DOCKER_CONTEXT") or _settings(_configuration() / "config.json").get(
        "currentContext"
    )
    if not context or context == "default":
        return DEFAULT_HOST
    name = hashlib.sha256(str(context).encode()).hexdigest()
    endpoints = _settings(_configuration() / "contexts" / "meta" / name / "meta.json").get("Endpoints")
    endpoint = endpoints.get("docker") if isinstance(endpoints, dict) else None
    host = endpoint.get("Host") if isinstance(endpoint, dict) else None
    if not host:
        raise BrokerError(f"docker's context {str(context)!r} has no host")
    return str(host)


def _ping(host: str) -> None:
    """Asks over a local or plain connection; other kinds (ssh, TLS) are left to the client to find out."""
    parts = urlsplit(host)
    try:
        if parts.scheme == "unix":
            reply = _ask(socket.AF_UNIX, parts.path)
        elif parts.scheme in {"tcp", "http"} and not os.environ.get("DOCKER_TLS_VERIFY"):
            reply = _ask(socket.AF_INET, (parts.hostname or "localhost", parts.port or HTTP_PORT))
        elif parts.scheme == "npipe":
            reply = b"HTTP" if Path(parts.path).exists() else b""
        else:
            return
    except TimeoutError:
        raise BrokerError(f"the Docker engine at {host} does not answer within {PING_LIMIT_S:g} s") from None
    except OSError as error:
        raise BrokerError(f"no Docker engine at {host} ({os_reason(error)})") from error
    if not reply.startswith(b"HTTP"):
        raise BrokerError(f"what answers at {host} is not a Docker engine")


def _ask(family: int, where: str | tuple[str, int]) -> bytes:
    with socket.socket(family) as connection:
        connection.settimeout(PING_LIMIT_S)
        connection.connect(where)
        connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
        return connection.recv(64)


def _has_compose(client: str) -> bool:
    folders = [str(_configuration() / "cli-plugins"), *PLUGIN_FOLDERS]
    extra = _settings(_configuration() / "config.json").get("cliPluginsExtraDirs")
    if isinstance(extra, list):
        folders += map(str, extra)
    if any(
        Path(folder, name).exists() for folder in folders for name in ("docker-compose", "docker-compose.exe")
    ):
        return True
    # Some other place: only the client knows.
    try:
        asked = subprocess.run(
            [client, "compose", "version"], capture_output=True, timeout=CLIENT_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
