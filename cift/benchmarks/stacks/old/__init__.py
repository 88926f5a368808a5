"""The old stack's programs, as files: each runs in an environment of its own, where nothing of cift is installed."""
