"""What does traffic of many small messages, some middling ones and a few large ones cost?"""

from bench import Mix, Scenario

GROUP = "messages"
SCENARIO = Scenario(payload_mix=Mix.parse("100:70+1000-4000:25+64kB:5"))
