"""How long does a burst of ten times the usual rate hold up the messages after it?"""

from bench import Scenario, Schedule

GROUP = "load"
SCENARIO = Scenario(schedule=Schedule.parse("200:2s+2000:500ms+200:2500ms"))
