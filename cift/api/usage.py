"""How much of its limits an account uses, asked of every shard's engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from cift.core.messages import RiskUsage
from cift.core.nats_manager import NatsManager
from cift.core.shards import all_shards

ANSWER_S = 2.0


async def usage_of(nats: NatsManager, shards: int, account_id: int) -> RiskUsage:
    """Return what an account uses of its limits; raises what NATS does where a shard says nothing in time."""
    data = str(account_id).encode()
    asked = (nats.request(shard.usage_subject, data, timeout_s=ANSWER_S) for shard in all_shards(shards))
    return merged([msgspec.json.decode(answer, type=RiskUsage) for answer in await asyncio.gather(*asked)])


def merged(parts: Sequence[RiskUsage]) -> RiskUsage:
    """Return what the shards of an account's instruments say as one: all of it holds after `position` at least.

    Sums are bounded by nothing where there are several shards, so that no buying power is left or missing.
    """
    if len(parts) == 1:
        return parts[0]
    return RiskUsage(
        account_id=parts[0].account_id,
        position=min(part.position for part in parts),
        counted=all(part.counted for part in parts),
        symbols=sorted((each for part in parts for each in part.symbols), key=lambda each: each.symbol),
        cash=sum(part.cash for part in parts),
        exposure=sum(part.exposure for part in parts),
        held=sum(part.held for part in parts),
        open_notional=sum(part.open_notional for part in parts),
        open_orders=sum(part.open_orders for part in parts),
    )
