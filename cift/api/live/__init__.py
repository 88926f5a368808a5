"""The WebSocket at /api/v1/stream: books, trades and own orders as they happen."""
