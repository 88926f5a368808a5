"""POST /api/v1/orders/batch: many orders in one request, each with an outcome of its own."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from cift.api.auth import Trader
from cift.api.backend import Backend, Behind
from cift.api.models import OrderRequest, OrderView
from cift.api.placing import place_order
from cift.api.problems import Problem, ProblemDetails, described
from cift.api.reference import Principal

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

MAX_ORDERS = 100


class BatchRequest(BaseModel):
    """Orders, placed in this order."""

    model_config = ConfigDict(extra="forbid", strict=True)

    orders: list[OrderRequest] = Field(min_length=1, max_length=MAX_ORDERS)


class BatchOutcome(BaseModel):
    """What placing one of them alone would have been answered with."""

    status: int = Field(examples=[201], description="201, 202 while the outcome is pending, or the problem's.")
    order: OrderView | None = None
    problem: ProblemDetails | None = None
    replayed: bool = Field(False, description="Whether an earlier request had placed it.")


class BatchView(BaseModel):
    """An outcome for each order, in the request's order."""

    outcomes: list[BatchOutcome]


async def _place(behind: Backend, trader: Principal, order: OrderRequest) -> BatchOutcome:
    try:
        placed = await place_order(behind, trader, order)
    except Problem as problem:
        return BatchOutcome(status=problem.status, problem=problem.details())
    return BatchOutcome(status=placed.status, order=placed.view, replayed=placed.replayed)


@router.post("/batch", responses=described(401, 403, 422, 503))
async def place_batch(batch: BatchRequest, behind: Behind, trader: Trader) -> BatchView:
    """Place up to 100 orders, in their order; each is accepted or refused for itself.

    A body with a malformed order is refused whole. With a `client_order_id` in each the request may be repeated.
    """
    await behind.rates.take(trader.key_id, len(batch.orders) - 1)  # the request itself is counted
    first, *others = batch.orders
    # The rest go out at once, and in order, on a connection that is known to answer.
    outcomes = [await _place(behind, trader, first)]
    outcomes += await asyncio.gather(*(_place(behind, trader, order) for order in others))
    return BatchView(outcomes=outcomes)
