"""uv: where it is, and what it says when it fails, in one sentence."""

from __future__ import annotations

import os
import re
import shutil
import sys
from importlib.util import find_spec

from bench.errors import UsageError

LONGEST = 300
_NO_NETWORK = re.compile(
    r"network (?:connectivity )?(?:was|is) disabled|dns error|error sending request|client error \(Connect\)"
    r"|failed to lookup address|Could not resolve host|Failed to fetch|Request failed|timed out",
    re.IGNORECASE,
)
_MARK = re.compile(r"^(?:[\s\u00d7├╰│─▶]+|(?:error|cause|Caused by):\s*)+")


def uv(wanted_for: str) -> list[str]:
    """The words that begin a command of uv; raises UsageError where there is none."""
    if (path := os.environ.get("UV")) and os.path.isfile(path):  # noqa: PTH113  # uv says so when it runs us
        return [path]
    if path := shutil.which("uv"):
        return [path]
    if find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    raise UsageError(
        f"{wanted_for} needs an environment of its own, and uv, which builds it, is not installed; "
        "install it with: pip install uv"
    )


def for_want_of_network(said: str) -> bool:
    return _NO_NETWORK.search(said) is not None


def said_briefly(said: str) -> str:
    """The reason in what uv said, without its conclusions, its drawings and its hints."""
    told = [line.strip() for line in re.split(r"\n\s*hint:", said)[0].splitlines()]
    told = [line for line in told if line and not re.match(r"Using Python|warning:|\[std", line)]
    lines = [_MARK.sub("", line) for line in told]
    if not lines:
        return "uv gives no reason"
    if lines[0].startswith("No solution found"):
        reason = " ".join(lines[1:]) or lines[0]
        reason = re.split(r",? (?:we can conclude|and you require|And because)", reason)[0]
        return _short(re.sub(r"^Because ", "", reason))
    if lines[0].startswith("Failed to build"):
        return _short(": ".join(dict.fromkeys((lines[0], lines[-1]))))  # the end of the traceback
    causes = [line for line, whole in zip(lines, told, strict=True) if _MARK.match(whole)]
    return _short(": ".join(dict.fromkeys((lines[0], (causes or lines)[-1]))))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
