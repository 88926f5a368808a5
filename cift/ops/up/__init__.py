"""`cift up`: from nothing, or from what is there, to a proven host and its report."""
