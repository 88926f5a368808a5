"""One file per measured thing; the report of them all."""
