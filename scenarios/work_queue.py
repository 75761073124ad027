"""How well do a few workers share tasks of 5 ms, all alike or drawn, with one, few or many in hand?"""

from bench import Handler, Scenario

GROUP = "shapes"
SCENARIO = Scenario(consumers=4)
WORK = ("sleep:5ms", "sleep:5ms~exponential")
SWEEP = tuple(
    {"handler": Handler.parse(work), "prefetch": prefetch} for work in WORK for prefetch in (1, 10, 50)
)
