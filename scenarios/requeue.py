"""What does it cost when consumers return every tenth message, and take it when it comes again?"""

from bench import Scenario

GROUP = "shapes"
SCENARIO = Scenario()
SWEEP = tuple({"requeue_every": count} for count in (None, 100, 10))
