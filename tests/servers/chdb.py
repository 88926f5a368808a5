"""A real chdb server as a pytest fixture."""
