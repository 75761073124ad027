"""How long does a message take when there is no other, from the publish to the receipt?"""

from bench import Scenario

GROUP = "load"
SCENARIO = Scenario(in_flight=1, prefetch=1, max_outstanding=1)
