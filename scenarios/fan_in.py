"""Do many producers with one message each reach what few with many reach?"""

from bench import Scenario

GROUP = "shapes"
SCENARIO = Scenario()
SWEEP = (
    {"producers": 1, "in_flight": 48},
    {"producers": 8, "in_flight": 6},
    {"producers": 48, "in_flight": 1},
)
