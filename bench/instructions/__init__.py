"""Instruction mode: how much work a message is, counted by callgrind instead of timed.

``counted`` counts one case, ``both`` two, for who has brokers and environments; ``measured`` leaves a run
folder. ``callgrind.check`` says beforehand whether anything can be counted here.
"""

from bench.counting import Meter
from bench.instructions.asked import broker_for, check_meter, lock_step, measured
from bench.instructions.counting import Counted, both, counted

__all__ = [
    "Counted",
    "Meter",
    "both",
    "broker_for",
    "check_meter",
    "counted",
    "lock_step",
    "measured",
]
