"""What the author of a scenario imports, loaded once it is asked for; nothing else lives here.

The command comes through here, too, and must hear that it is to end before it has loaded anything.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself takes a while
if TYPE_CHECKING:
    from typing import Any

    from bench.arrivals import Schedule
    from bench.handler import Handler
    from bench.mix import Mix
    from bench.scenario import Scenario

__all__ = ["Handler", "Mix", "Scenario", "Schedule"]
_HOMES = {"Handler": "handler", "Mix": "mix", "Scenario": "scenario", "Schedule": "arrivals"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # see above

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
