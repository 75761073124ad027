"""Where Apache Kafka and a Java that runs it are on this machine; nothing is downloaded."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BrokerError

VERSION = "4.3.0"
"""What scripts/kafka-jars downloads; a test compares them."""
OLDEST_KAFKA, OLDEST_JAVA = 4, 17
CORE = re.compile(r"kafka_2\.\d+-(\d+(?:\.\d+)+)\.jar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    jars: Path
    version: str
    java: str

    @classmethod
    def find(cls) -> Installed:
        """Raises BrokerError with the reason why there is none that can be used."""
        home = os.environ.get("KAFKA_HOME")
        jars = Path(home, "libs") if home else cache()
        version = _version(jars)
        if version is None:
            raise BrokerError(f"KAFKA_HOME has no Kafka in {jars}" if home else "its jars are not here")
        if int(version.partition(".")[0]) < OLDEST_KAFKA:
            raise BrokerError(f"Kafka {version} is too old; {OLDEST_KAFKA}.0 or newer is needed")
        return cls(jars=jars, version=version, java=_java())


def cache() -> Path:
    """The folder of the jars that scripts/kafka-jars downloads."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root, "mqbench", f"kafka-{VERSION}")


def _version(jars: Path) -> str | None:
    found = [match[1] for path in jars.glob("kafka_2.*.jar") if (match := CORE.fullmatch(path.name))]
    return found[0] if found else None


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        raise BrokerError(f"Java {OLDEST_JAVA} is not installed")
    # Beside it stands which one it is; asking would start it.
    release = Path(java).resolve().parent.parent / "release"
    said = release.read_text("utf-8") if release.is_file() else ""
    match = re.search(r'^JAVA_VERSION="(\d+)', said, re.MULTILINE)
    if match and int(match[1]) < OLDEST_JAVA:
        raise BrokerError(f"Java {match[1]} is too old; {OLDEST_JAVA} or newer is needed")
    return java
