"""How many unacknowledged messages must a consumer be allowed before the broker no longer waits for it?"""

from bench import Scenario

GROUP = "settings"
SCENARIO = Scenario()
SWEEP = tuple({"prefetch": prefetch} for prefetch in (1, 4, 16, 64, 256, 1024))
