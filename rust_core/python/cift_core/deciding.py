"""Plain commands of the journal, decided by the batch on the state that a matcher keeps, to messages on their way."""

from cift_core._native import DecidedBatch, PlainDecider

__all__ = ["DecidedBatch", "PlainDecider"]
