"""How fast is it when no more than a few hundred messages may be under way, so that no backlog can grow?"""

from bench import Scenario

GROUP = "load"
SCENARIO = Scenario(max_outstanding=100)
SWEEP = tuple({"max_outstanding": bound} for bound in (50, 100, 400))
