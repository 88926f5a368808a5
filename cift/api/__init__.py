"""The HTTP edge: orders in, books out, health and metrics. One router per resource; `main` puts them together."""
