"""How many connections a second can a client open, publish one message over, and close?"""

from bench import Scenario

GROUP = "shapes"
SCENARIO = Scenario(churn=True, in_flight=4)
SWEEP = tuple({"in_flight": lanes} for lanes in (1, 4, 16))
