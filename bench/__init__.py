"""What the author of a scenario imports; nothing else lives here."""

from bench.arrivals import Schedule
from bench.handler import Handler
from bench.mix import Mix
from bench.scenario import Scenario

__all__ = ["Handler", "Mix", "Scenario", "Schedule"]
