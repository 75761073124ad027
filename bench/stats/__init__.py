"""Estimates, intervals, tests and verdicts: pure functions of numbers, with no I/O and no clock.

samples       what is taken for a sample at all
intervals     a mean, a rate and a Hodges-Lehmann estimate, each with its interval
proportions   a proportion with its interval
signflip      permutation tests of paired rounds: by the mean, and by signed ranks
rounds        the effect of one round, from its pairs of slices
effects       two sides over rounds: one effect, judged by ranks, with everything that a verdict needs
unpaired      two runs that never met in a round: Welch's t
changes       where the level of a series changed
planning      what a number of rounds can see, and how many rounds it takes
multiplicity  many cells at once: Holm, Benjamini-Hochberg, simultaneous intervals
verdicts      faster, slower, no difference, inconclusive
gate          pass, regression, inconclusive, environment unfit
steadiness    flags: warm-up left in, drift, slices that are not replicates
knee          where more load begins to cost more than it gains
highest       the search for the highest rate at which something holds
growth        whether something grows with time
figures       how many digits of a figure mean anything

A replicate is a round, never a slice. Nothing returns NaN: what cannot be computed raises ValueError, or is a
verdict that says how many rounds it needs.
"""
