"""Adapters of the books that can be called from Python, run by `runner.py` in the virtual environment of each.

Nothing here imports cift: a peer's environment has the peer alone. An adapter is a module with a class `Adapter`:
`Adapter(flow)` prepares what a fresh book needs outside of the clock, `calls()` gives a fresh book's calls, one for
each command, `traded(results)` counts the lots that the results of these calls tell as filled (None: it doesn't tell).
"""
