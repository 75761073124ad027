"""What happens to latency when the rate rises to ten times what it was, and falls back?"""

from bench import Scenario, Schedule

GROUP = "load"
SCENARIO = Scenario(schedule=Schedule.parse("200:2s+200-2000:4s+2000:2s+2000-200:1s+200:1s"))
