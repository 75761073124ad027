"""The contract that every adapter keeps, on every loop and every broker that the machine can have."""

import pytest

pytest.register_assert_rewrite("contract.contract")
