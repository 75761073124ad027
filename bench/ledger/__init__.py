"""The ledger: gates whose right answer is known, made in numbers, and what they were answered with."""
