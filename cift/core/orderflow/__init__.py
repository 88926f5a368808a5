"""Order flow: what arrived at a market, in order, from a file or from a seed."""

from cift.core.orderflow.events import BookRow, FlowEvent, OrderFlowError
from cift.core.orderflow.generated import generate
from cift.core.orderflow.lobster import read_lobster_book, read_lobster_messages

__all__ = ["BookRow", "FlowEvent", "OrderFlowError", "generate", "read_lobster_book", "read_lobster_messages"]
