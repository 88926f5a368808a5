"""A real cache server as a pytest fixture."""
