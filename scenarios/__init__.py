"""One file per question: a frozen SCENARIO, an optional SWEEP, and the question as the docstring."""
