"""What the engine brings into the journal by itself: instruments as PostgreSQL has them, limits as its settings say.

Of several shards each brings its own instruments, and shard 0 the limits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from nats.errors import Error

from cift.core.config import Settings
from cift.core.matching import Matcher
from cift.core.messages import SetInstrument, SetLimits
from cift.core.nats_manager import NatsManager
from cift.core.runtime import ServiceError
from cift.core.streams import CONFIGURATION

log = logging.getLogger("engine")


class Configuration:
    """Instruments and limits as they should be."""

    def __init__(self, instruments: Iterable[SetInstrument], limits: SetLimits) -> None:
        self._instruments, self._limits = list(instruments), limits

    async def append(self, nats: NatsManager, matcher: Matcher) -> int:
        """Append what the journal does not say yet and is the matcher's shard's to say; return the last sequence.

        Raises:
            ServiceError: it was not confirmed, or can't be.
        """
        changes = self._changes(matcher)
        self._check(matcher, [each for each in changes if isinstance(each, SetInstrument)])
        target = matcher.sequence
        for change in changes:
            try:
                target = (await nats.publish_acked(f"{CONFIGURATION}.{change.symbol}", change, timeout_s=5.0)).seq
            except Error as error:
                raise ServiceError(
                    f"{change.symbol}: {error or 'not confirmed'}; NATS user engine must be allowed to publish "
                    f"{CONFIGURATION}.*"
                ) from None
            log.info("journal: %s %s", type(change).__name__, change.symbol)
        return target

    def _changes(self, matcher: Matcher) -> list[SetInstrument | SetLimits]:
        known, shard = matcher.instruments, matcher.shard
        own = [each for each in self._instruments if shard.owns(each.symbol)]
        changes: list[SetInstrument | SetLimits] = [i for i in own if known.get(i.symbol) != (i.tick_size, i.lot_size)]
        if shard.number == 0 and (matcher.limits is None or _values(matcher.limits) != _values(self._limits)):
            changes.append(self._limits)
        return changes

    def _check(self, matcher: Matcher, changes: Iterable[SetInstrument]) -> None:
        """Refuse a grid that the book won't take, where other shards, who know nothing of the book, would take it."""
        for change in changes:
            if matcher.shard.count > 1 and matcher.has_orders(change.symbol):
                raise _in_the_way(change, matcher.instruments[change.symbol])

    def check(self, matcher: Matcher) -> None:
        """Find instruments whose books didn't take the grid that they should have.

        Raises:
            ServiceError: there is one.
        """
        grids = matcher.instruments
        for wanted in self._instruments:
            grid = grids.get(wanted.symbol, (wanted.tick_size, wanted.lot_size))
            if matcher.shard.owns(wanted.symbol) and grid != (wanted.tick_size, wanted.lot_size):
                raise _in_the_way(wanted, grid)


def _in_the_way(wanted: SetInstrument, grid: tuple[float, float]) -> ServiceError:
    return ServiceError(
        f"{wanted.symbol} has tick and lot size {(wanted.tick_size, wanted.lot_size)} in PostgreSQL, but orders rest "
        f"in its book at {grid}: cancel them first, or put the old sizes back"
    )


def _values(limits: SetLimits) -> tuple[float, ...]:
    return (limits.max_position, limits.max_notional, limits.max_leverage, limits.account_value)


def limits_of(settings: Settings) -> SetLimits:
    """Return the limits of every account that the settings say."""
    return SetLimits(
        symbol="_limits",
        ts=0,
        user_id=0,
        max_position=settings.risk_max_position,
        max_notional=settings.risk_max_notional,
        max_leverage=settings.risk_max_leverage,
        account_value=settings.risk_account_value,
    )
