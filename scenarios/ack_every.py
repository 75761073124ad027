"""How much is saved by acknowledging many messages at once?"""

from bench import Scenario

GROUP = "settings"
SCENARIO = Scenario(prefetch=200)
SWEEP = tuple({"ack_every": count} for count in (1, 10, 100))
