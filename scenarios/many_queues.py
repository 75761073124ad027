"""Do four pairs of a producer and a consumer gain from a queue of their own?"""

from bench import Scenario

GROUP = "shapes"
SCENARIO = Scenario(producers=4, consumers=4)
SWEEP = tuple({"queues": count} for count in (1, 2, 4))
