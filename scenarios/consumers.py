"""Does another consumer of the same queue, in the same process, add throughput?"""

from bench import Scenario

GROUP = "shapes"
SCENARIO = Scenario()
SWEEP = tuple({"consumers": count} for count in (1, 2, 4, 8))
