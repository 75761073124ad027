"""How fast does a client empty a full queue?"""

from bench import Scenario

SCENARIO = Scenario(measure="consume")
