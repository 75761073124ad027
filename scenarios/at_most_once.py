"""What do confirms and acknowledgements cost: how fast is the same job without them?"""

from bench import Scenario

GROUP = "guarantees"
SCENARIO = Scenario(guarantee="at-most-once")
