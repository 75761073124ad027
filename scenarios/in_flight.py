"""How many publishes must be under way before the client no longer waits for confirms?"""

from bench import Scenario

GROUP = "settings"
SCENARIO = Scenario()
SWEEP = tuple({"in_flight": lanes} for lanes in (1, 4, 16, 64, 256))
