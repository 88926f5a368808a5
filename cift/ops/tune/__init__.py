"""The settings of the tuning roles, read from their tables: printed, explained, held against a machine."""
