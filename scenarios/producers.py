"""Does another producer in the same process add throughput, or only divide it?"""

from bench import Scenario

GROUP = "shapes"
SCENARIO = Scenario()
SWEEP = tuple({"producers": count} for count in (1, 2, 4, 8))
