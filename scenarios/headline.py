"""How many small messages a second does one producer get to one consumer, each confirmed and acknowledged?"""

from bench import Scenario

GROUP = "overview"
SCENARIO = Scenario()
