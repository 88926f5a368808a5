"""One program per file; they talk to each other through NATS alone."""
