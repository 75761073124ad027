"""Does another consumer of the same queue, in the same process, add throughput?"""

from bench import Scenario

SCENARIO = Scenario()
SWEEP = tuple({"consumers": count} for count in (1, 2, 4, 8))
