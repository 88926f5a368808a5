"""Orders written to the journal at a stated rate, and how long each takes to its outcome on EVENTS."""
