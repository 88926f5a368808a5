"""NATS' client protocol: what a server sends, read by the batch, and messages for streams, written in one piece."""

from cift_core._native import NatsParser, NatsProtocolError, Stored, publish_burst

__all__ = ["NatsParser", "NatsProtocolError", "Stored", "publish_burst"]
