"""The old stack beside the new one, on one machine in one run: `make bench`, or `python -m cift.benchmarks.stacks`.

A section is a module in `sections`: what the migration guide replaces and what it replaces it with, doing the same work
in turns. Every server is started here, on loopback, in a temporary folder, and ended with its section. The factors that
the guide claims are held against what was measured, case by case.
"""
