"""A stored run for the tools that people already have: a module for each format, all from the same cases.

cases             what is exported of a case: its name, its rounds, and what was done
pytest_benchmark  the JSON that pytest-benchmark saves and compares
github_action     github-action-benchmark's customBiggerIsBetter
bencher           Bencher Metric Format
otava             the CSV that Apache Otava reads, a line a run
"""
