"""What does it cost to give each message to every one of several consumers?"""

from bench import Scenario

GROUP = "shapes"
SCENARIO = Scenario(fan_out=True)
SWEEP = tuple({"consumers": count} for count in (1, 2, 8))
