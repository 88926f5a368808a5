"""Which fills the market has already seen as trades: a replay must not show them again, nor leave any out."""

from __future__ import annotations

from nats.js.errors import NotFoundError

from cift.core.messages import Fill, Trade
from cift.core.nats_manager import NatsManager
from cift.core.serialization import decode_market_data
from cift.core.streams import MARKET_DATA


class PublicTrades:
    """Asks MARKET_DATA once for each symbol; for as long as nobody publishes trades meanwhile."""

    def __init__(self, nats: NatsManager) -> None:
        self._nats = nats
        self._last: dict[str, tuple[int, int] | None] = {}

    async def has(self, fill: Fill, *, stored: bool) -> bool:
        """Return whether the last trade kept for the symbol is this one or a later one.

        Where none is kept (they age), those whose event is `stored` were published.
        """
        symbol = fill.symbol
        if symbol not in self._last:
            self._last[symbol] = await self._look(symbol)
        last = self._last[symbol]
        return stored if last is None else (fill.seq, fill.pos) <= last

    async def _look(self, symbol: str) -> tuple[int, int] | None:
        try:
            message = await self._nats.js.get_msg(MARKET_DATA.name, None, f"market.trades.{symbol}")
        except NotFoundError:
            return None
        last = decode_market_data(message.data or b"")
        return (last.seq, last.pos) if isinstance(last, Trade) else None
