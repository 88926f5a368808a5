"""The measured figures of a host: one file per measured thing, `suite` runs them, `console` prints them."""
