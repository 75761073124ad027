"""How fast does a client empty a full queue?"""

from bench import Scenario

GROUP = "halves"
SCENARIO = Scenario(measure="consume")
