"""The ground floor: settings, messages and one adapter per system. Knows nothing of the rooms above it."""
