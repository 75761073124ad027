"""What does routing by a topic pattern cost against a plain queue, with one topic, some or many?"""

from bench import Scenario

GROUP = "shapes"
SCENARIO = Scenario()
SWEEP = tuple({"topics": count} for count in (None, 1, 10, 1000))
