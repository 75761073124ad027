"""How fast does a client publish with confirms when nobody consumes at the same time?"""

from bench import Scenario

GROUP = "halves"
SCENARIO = Scenario(measure="publish")
