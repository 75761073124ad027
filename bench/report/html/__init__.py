"""Stored runs as one self-contained page: data in, text out.

source     what a page is made from
answer     the opening: what came out, in words, and what it may not be used for
matrix     clients by loops
account    what became of every message
rows       the other tables
figures    the numbers that the charts in assets/figures.js draw
curves     percentiles of latency, on HdrHistogram's axis
page       all of it as one file
vendor/    Observable Plot, built by scripts/vendor-charts
"""
