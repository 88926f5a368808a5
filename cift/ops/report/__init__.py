"""The report of a deployment: one JSON file, one self-contained page, one table on the terminal."""
