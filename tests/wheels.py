"""Tiny packages, as wheels and as checkouts with their own build backend: they need no network."""

from __future__ import annotations

import zipfile
from pathlib import Path

BACKEND = """
import re, time, zipfile
from pathlib import Path

def build_wheel(folder, config_settings=None, metadata_directory=None):
    time.sleep(DELAY_S)
    source = Path("tinyclient.py").read_text()
    version = re.search(r'VERSION = "(.+)"', source).group(1)
    name = f"tinyclient-{version}-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        wheel.writestr("tinyclient.py", source)
        about = f"tinyclient-{version}.dist-info"
        words = ("Metadata-Version: 2.1", "Name: tinyclient", f"Version: {version}", "")
        wheel.writestr(f"{about}/METADATA", "\\n".join(words))
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{about}/RECORD", "")
    Path("leftover").touch()
    return name
"""


def wheel(folder: Path, name: str, version: str, source: str = "", requires: str = "") -> Path:
    """A wheel of one module that is called as the distribution is."""
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    about = f"{module}-{version}.dist-info"
    path = folder / f"{module}-{version}-py3-none-any.whl"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{module}.py", source)
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        )
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


def checkout(folder: Path, *, version: str = "1.0", delay_s: float = 0) -> Path:
    """The source of ``tinyclient``; building it takes that long, and leaves a file where it was built."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "tinyclient"\nversion = "{version}"\n'
    )
    (folder / "backend.py").write_text(BACKEND.replace("DELAY_S", repr(delay_s)))
    (folder / "tinyclient.py").write_text(f'VERSION = "{version}"\n')
    return folder
