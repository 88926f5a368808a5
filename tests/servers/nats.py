"""A real nats server as a pytest fixture."""
