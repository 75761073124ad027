"""Where the program of a broker is: installed on this machine, or inside a wheel of PyPI; and its version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from bench.errors import BrokerError

VERSION_LIMIT_S = 2.0
# Where packages put servers, besides PATH: Debian's are where only root's PATH looks.
FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Executable:
    path: str
    name: str
    version: str


def installed(*names: str, oldest: tuple[int, ...]) -> Executable:
    """The first program of these names; raises BrokerError with the reason why there is none to be used."""
    # Beside this interpreter lies what wheels brought, which is embedded, and not what this machine has.
    ours = str(Path(sys.executable).parent)
    folders = [folder for folder in os.get_exec_path() if folder not in {"", ours}]
    for name in names:
        path = shutil.which(name, path=os.pathsep.join([*folders, *FOLDERS]))
        if path is not None:
            return _checked(path, name, oldest)
    raise BrokerError(f"{' or '.join(names)} is not installed")


def inside(distribution: str, name: str, *, oldest: tuple[int, ...]) -> Executable:
    """The program that a wheel contains; raises BrokerError with the reason why there is none to be used."""
    try:
        files = metadata.files(distribution) or ()
    except metadata.PackageNotFoundError:
        raise BrokerError(f"{distribution} is not installed") from None
    paths = (str(Path(file.locate()).resolve()) for file in files if file.name in {name, f"{name}.exe"})
    path = next((path for path in paths if os.access(path, os.X_OK)), None)
    if path is None:
        raise BrokerError(f"{distribution} is installed without its {name}")
    return _checked(path, name, oldest)


def _checked(path: str, name: str, oldest: tuple[int, ...]) -> Executable:
    try:
        said = subprocess.run(  # it prints a line and ends, within 10 ms
            [path, "--version"], capture_output=True, text=True, timeout=VERSION_LIMIT_S, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BrokerError(f"{name} --version does not say its version") from error
    match = re.search(r"v=?(\d+(?:\.\d+)+)", said)
    if match is None:
        raise BrokerError(f"{name} --version does not say its version")
    if why := too_old(name, match[1], oldest):
        raise BrokerError(why)
    return Executable(path=path, name=name, version=match[1])


def too_old(name: str, version: str, oldest: tuple[int, ...]) -> str | None:
    """A sentence about a version that cannot be used; None about one that can, or that has no numbers."""
    numbers = tuple(map(int, re.findall(r"\d+", version)[: len(oldest)]))
    if not numbers or numbers >= oldest:
        return None
    return f"{name} {version} is too old; {'.'.join(map(str, oldest))} or newer is needed"
