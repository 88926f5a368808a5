"""The migration guide's success criteria, judged by what is on record."""
