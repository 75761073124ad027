"""What is left of the rate when handling a message keeps the event loop busy?"""

from bench import Handler, Scenario

GROUP = "shapes"
SCENARIO = Scenario(prefetch=20)
SWEEP = tuple({"handler": Handler.parse(work)} for work in ("cpu:50us", "cpu:200us", "cpu:1ms"))
