"""What does it cost to have the broker keep every message on disk before it confirms?"""

from bench import Scenario

GROUP = "guarantees"
SCENARIO = Scenario()
SWEEP = tuple({"persistent": kept} for kept in (False, True))
