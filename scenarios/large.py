"""How fast are messages of a megabyte, a few at a time?"""

from bench import Scenario

GROUP = "messages"
SCENARIO = Scenario(payload_bytes=1 << 20, in_flight=4, prefetch=8)
