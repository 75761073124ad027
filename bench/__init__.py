"""What the author of a scenario imports; nothing else lives here."""

from bench.arrivals import Schedule
from bench.scenario import Handler, Scenario

__all__ = ["Handler", "Scenario", "Schedule"]
