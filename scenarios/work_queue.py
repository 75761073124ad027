"""How well do a few workers share tasks that take a while, with one, few or many of them in hand?"""

from bench import Handler, Scenario

GROUP = "shapes"
SCENARIO = Scenario(consumers=4, handler=Handler.parse("sleep:5ms"))
SWEEP = tuple({"prefetch": prefetch} for prefetch in (1, 10, 50))
