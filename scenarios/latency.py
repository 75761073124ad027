"""How long is a message under way at a rate that the broker can take, and from which rate on does it wait?"""

from bench import Scenario

GROUP = "load"
SCENARIO = Scenario(rate_per_s=1000, arrivals="poisson", measure_s=5)
SWEEP = tuple({"rate_per_s": rate} for rate in (100, 500, 1000, 2000, 4000))
