"""What the recorder's taps have in common, and those of them that keep a state."""
