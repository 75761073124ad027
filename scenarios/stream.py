"""What does a log that keeps every message cost, compared with a queue that forgets what was consumed?"""

from bench import Scenario

GROUP = "guarantees"
SCENARIO = Scenario(persistent=True)
SWEEP = tuple({"queue_type": kind} for kind in ("classic", "stream"))
