"""From which message size on do bytes cost more than messages?"""

from bench import Scenario

GROUP = "messages"
SCENARIO = Scenario()
SWEEP = tuple({"payload_bytes": size} for size in (32, 256, 1024, 8192, 65536))
