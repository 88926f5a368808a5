"""The speed proof of the Rust core: `make bench-core`, or `python -m cift.benchmarks.core`.

A section is a module in `sections`: to measure something more, add a file there.
"""
