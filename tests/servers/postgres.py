"""A real postgres server as a pytest fixture."""
