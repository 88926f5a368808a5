"""Numbered SQL, applied in order by `cift schema apply`."""
