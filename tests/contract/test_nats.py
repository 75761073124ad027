"""NATS clients keep the contract."""

from __future__ import annotations

from contract.contract import Finding
from contract.pulls import Pulls


class TestNatsPy(Pulls):
    adapter = "nats_py"
    protocol = "nats"
    findings = (
        Finding(
            test="connection_cut",
            loop="rloop",
            reason="rloop 0.5 never reports a reset connection (test_loops.py)",
            run=False,  # each would take as long as the harness waits for a client that says nothing
        ),
    )
