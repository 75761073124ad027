"""The contract catches a client that breaks it: each fault fails the tests that are about it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CAUGHT_BY = {
    "TestConfirmsEarly": {"test_publish_returns_no_earlier_than_the_confirm"},
    "TestAcknowledgesFirst": {
        "test_a_consumer_that_raises_before_the_ack_leaves_the_message",
        "test_a_consumer_that_is_cut_off_before_the_ack_leaves_the_messages",
        "test_never_more_than_prefetch_are_unacknowledged",
    },
    "TestIgnoresPrefetch": {"test_never_more_than_prefetch_are_unacknowledged"},
    "TestSwallows": {
        "test_a_consumer_that_raises_before_the_ack_leaves_the_message",
        "test_an_exception_in_the_handler_reaches_the_driver",
    },
    "TestKeepsQueues": {
        "test_the_topology_is_gone_afterwards",
        "test_the_topology_is_gone_after_an_error_too",
    },
}
# What early confirms also fail, by luck: before the harness drives a client it asks the broker what it has.
PROBED = {"TestConfirmsEarly": {"test_an_exception_in_the_handler_reaches_the_driver"}}


@pytest.mark.timeout(200)
def test_each_fault_fails_the_tests_that_are_about_it() -> None:
    wanted = sorted({name for names in CAUGHT_BY.values() for name in names})
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--tb=no", "-rf", "-p", "no:cacheprovider"),
            # What must fail does so at once; what must not has the reruns of this test.
            *("-p", "no:rerunfailures"),
            *("-k", f"embedded and asyncio- and ({' or '.join(wanted)})"),
            ROOT / "tests" / "contract" / "faulty_contract.py",
        ],
        cwd=ROOT,
        # Most faults show as something that never comes: that is waited for in vain a dozen times.
        env={**os.environ, "PYTHONPATH": str(ROOT), "MQBENCH_CONTRACT_LIMIT_S": "5"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    caught: dict[str, set[str]] = defaultdict(set)
    for line in ran.stdout.splitlines():
        if line.startswith("FAILED "):
            _, kind, test = line.split()[1].split("::")
            caught[kind].add(test.partition("[")[0])
    surely = {kind: names - PROBED.get(kind, set()) for kind, names in caught.items()}
    assert surely == CAUGHT_BY, ran.stdout[-4000:]
