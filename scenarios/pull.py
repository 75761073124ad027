"""What does it cost that consumers ask for each message, where the broker could send them as they come?"""

from bench import Scenario

GROUP = "shapes"
SCENARIO = Scenario()
SWEEP = tuple({"delivery": delivery} for delivery in ("push", "pull"))
