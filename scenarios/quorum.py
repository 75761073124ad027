"""What does a queue that agrees with its replicas cost, compared with a classic one?"""

from bench import Scenario

GROUP = "guarantees"
SCENARIO = Scenario(persistent=True)
SWEEP = tuple({"queue_type": kind} for kind in ("classic", "quorum"))
