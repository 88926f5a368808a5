"""What an order may ask for beyond price, quantity and time: triggers, pegs, what is shown, what it may do."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from cift.core.entering import is_special
from cift.core.messages import NewOrder

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Terms(BaseModel):
    """Terms of a special order; what is null or false is not asked for."""

    model_config = STRICT

    trigger_price: float | None = Field(
        None,
        gt=0,
        examples=[185.00],
        description="A stop's: the trade at which it becomes a market order, or with a price a limit order.",
    )
    trail: float | None = Field(
        None,
        gt=0,
        examples=[0.50],
        description="A trailing stop's, instead of trigger_price: how far the trigger follows the best trade.",
    )
    peg: Literal["primary", "mid", "market"] | None = Field(
        None, description="What a pegged order follows: its own side's best price, the middle, the other side's best."
    )
    offset: float = Field(
        0.0, examples=[-0.01], description="Added to what a pegged order follows, a multiple of the tick size."
    )
    display_quantity: float | None = Field(
        None, gt=0, examples=[10], description="An iceberg's: what shows at a time, a multiple of the lot size."
    )
    hidden: bool = Field(False, description="Rest unseen, behind what shows at the same price.")
    min_quantity: float | None = Field(
        None, gt=0, examples=[50], description="The least that may trade on arrival; else the order is cancelled."
    )
    all_or_none: bool = Field(False, description="Trade whole or not yet: unlike FOK the order may wait for it.")
    reduce_only: bool = Field(False, description="Trade no more than the account's position, and towards zero.")
    reprice: bool = Field(
        False, description="With post_only: rather than be refused, rest one tick from the price that would trade."
    )
    expires: int | None = Field(
        None,
        gt=0,
        le=2**63 - 1,
        examples=[1_767_225_600_000_000_000],
        description="GTD's end, nanoseconds since 1970 (UTC). The symbol's first command after it finds it gone.",
    )


def terms_of(command: NewOrder) -> Terms | None:
    """Return what an order asked for; None for a plain one."""
    if not is_special(command):
        return None
    return Terms.model_construct(**{field: getattr(command, field) for field in Terms.model_fields})
