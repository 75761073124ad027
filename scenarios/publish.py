"""How fast does a client publish with confirms when nobody consumes at the same time?"""

from bench import Scenario

SCENARIO = Scenario(measure="publish")
