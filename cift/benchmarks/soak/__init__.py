"""A long run under an even load: what leaks, what drifts."""
