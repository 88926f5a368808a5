"""What the recorder stores: the streams' messages as columns of its tables, and positions from fills.

A table is a dict of its columns by name: each the buffers that Arrow has for it, and the words that its values count,
or None where they count none.
"""

from cift_core._native import Positions, record_events, record_trades

__all__ = ["Positions", "record_events", "record_trades"]
