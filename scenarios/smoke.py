"""Does everything work at all? A second per client; the figures mean little."""

from bench import Scenario

GROUP = "overview"
SCENARIO = Scenario(in_flight=10, warmup_s=0.1, measure_s=0.3)
