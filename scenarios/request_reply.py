"""How long does somebody wait who asks another process over the broker, and how many can ask at once?"""

from bench import Scenario

GROUP = "shapes"
SCENARIO = Scenario(request_reply=True, in_flight=1)
SWEEP = tuple({"in_flight": count} for count in (1, 8, 64))
