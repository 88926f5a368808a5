"""/api/v1/orders: place, look up, modify and cancel orders.

A request becomes a command in the journal; its answer is what the engine publishes about that command. Workers share
nothing: an order's id is its command's place in the journal, and the journal says whose it is.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from cift.api.auth import Reader, Trader
from cift.api.backend import Behind
from cift.api.grid import check_price, check_quantity
from cift.api.models import (
    ChangeRequest,
    ChangeView,
    MassCancelRequest,
    MassCancelView,
    OrderId,
    OrderRequest,
    OrderView,
)
from cift.api.outcome import Idempotency, decided, refusal_of, rejection
from cift.api.placing import own_order, place_order
from cift.api.problems import FieldError, Problem, described, invalid
from cift.api.views import change_view, mass_cancel_view, order_view
from cift.core.database import Instrument
from cift.core.messages import (
    AnyEvent,
    CancelOrder,
    MassCancel,
    ModifyOrder,
    ReduceOrder,
)

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

# The engine's code for an order that the book doesn't know: one that is in the journal has left it.
_DONE = "unknown_order"


def _check_change(wanted: ChangeRequest, instrument: Instrument | None) -> list[FieldError]:
    """Return everything that is wrong with a change whose fields are right one by one."""
    errors: list[FieldError] = []
    if instrument is not None:
        for field, quantity in (("quantity", wanted.quantity), ("reduce_by", wanted.reduce_by)):
            errors += [] if quantity is None else check_quantity(field, quantity, instrument)
        errors += [] if wanted.price is None else check_price("price", wanted.price, instrument)
    modifies = wanted.price is not None or wanted.quantity is not None
    if modifies and wanted.reduce_by is not None:
        errors.append(FieldError(field="reduce_by", message="goes with neither price nor quantity"))
    elif not modifies and wanted.reduce_by is None:
        errors.append(FieldError(field="body", message="needs a price, a quantity, or reduce_by"))
    return errors


def _check_mass_cancel(which: MassCancelRequest, instrument: Instrument | None) -> list[FieldError]:
    """Return everything that is wrong with a mass cancel; an instrument that doesn't trade may still have orders."""
    if instrument is None:
        return [FieldError(field="symbol", message="is not an instrument of this venue")]
    errors: list[FieldError] = []
    for field, price in (("min_price", which.min_price), ("max_price", which.max_price)):
        errors += [] if price is None else check_price(field, price, instrument)
    if which.min_price is not None and which.max_price is not None and which.min_price > which.max_price:
        errors.append(FieldError(field="max_price", message="must not be below min_price"))
    return errors


@router.post(
    "",
    status_code=201,
    responses=described(401, 403, 409, 422, 503, pending=OrderView),
)
async def place(order: OrderRequest, behind: Behind, trader: Trader, response: Response) -> OrderView:
    """Place an order and return what became of it on arrival.

    With a `client_order_id` the request may be repeated after a timeout or a lost connection: within the journal's
    window the same order is returned, with the header `Idempotent-Replayed: true`.
    """
    placed = await place_order(behind, trader, order)
    response.status_code = placed.status
    response.headers["Location"] = f"{router.prefix}/{placed.view.order_id}"
    if placed.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return placed.view


@router.get("/{order_id}", responses=described(401, 403, 404, 422, 503))
async def get_order(order_id: OrderId, behind: Behind, reader: Reader) -> OrderView:
    """Return an order and what the engine decided when it arrived: how a client learns what became of a 202.

    What happens to the resting part later is on the event stream and in the table `trade_executions`.
    """
    command = await own_order(behind, reader, order_id)
    return order_view(order_id, command, await behind.journal.find_outcome(order_id, command.symbol))


@router.patch(
    "/{order_id}",
    responses=described(401, 403, 404, 409, 422, 503, pending=ChangeView),
)
async def change(
    order_id: OrderId,
    wanted: ChangeRequest,
    behind: Behind,
    trader: Trader,
    response: Response,
    key: Idempotency = None,
) -> ChangeView:
    """Give a resting order another price, another quantity, or both; or take quantity off it.

    It keeps its place in the queue when its price stays and its quantity does not grow; otherwise it comes in anew, is
    judged by risk as a new order is, and trades what it can. What is refused leaves the order as it was.
    """
    opened = await own_order(behind, trader, order_id)
    if errors := _check_change(wanted, behind.reference.instrument(opened.symbol)):
        raise invalid(errors)
    who: dict[str, Any] = {
        "symbol": opened.symbol,
        "ts": time.time_ns(),
        "user_id": trader.account_id,
        "order_id": order_id,
    }
    command: ReduceOrder | ModifyOrder
    if wanted.reduce_by is not None:
        command = ReduceOrder(**who, by=wanted.reduce_by)
    else:
        command = ModifyOrder(**who, price=wanted.price, quantity=wanted.quantity)
    return _changed(order_id, await decided(behind, command, response, key))


@router.delete("", responses=described(401, 403, 409, 422, 503, pending=MassCancelView))
async def mass_cancel(
    which: Annotated[MassCancelRequest, Query()],
    behind: Behind,
    trader: Trader,
    response: Response,
    key: Idempotency = None,
) -> MassCancelView:
    """Cancel all of the account's own orders in a symbol, or those of one side or within a range of prices.

    None to cancel is no error: the same request may be repeated.
    """
    if errors := _check_mass_cancel(which, behind.reference.instrument(which.symbol)):
        raise invalid(errors)
    command = MassCancel(
        symbol=which.symbol,
        ts=time.time_ns(),
        user_id=trader.account_id,
        side=which.side,
        min_price=which.min_price,
        max_price=which.max_price,
    )
    events = await decided(behind, command, response, key)
    if events is None:
        return MassCancelView(symbol=which.symbol, status="pending")
    if refusal := refusal_of(events):
        raise rejection(None, refusal)
    return mass_cancel_view(which.symbol, events)


@router.delete(
    "/{order_id}",
    responses=described(401, 403, 404, 409, 422, 503, pending=ChangeView),
)
async def cancel(
    order_id: OrderId, behind: Behind, trader: Trader, response: Response, key: Idempotency = None
) -> ChangeView:
    """Cancel what is left of an order."""
    opened = await own_order(behind, trader, order_id)
    command = CancelOrder(symbol=opened.symbol, ts=time.time_ns(), user_id=trader.account_id, order_id=order_id)
    return _changed(order_id, await decided(behind, command, response, key))


def _changed(order_id: int, events: list[AnyEvent] | None) -> ChangeView:
    if events is None:
        return ChangeView(order_id=order_id, status="pending")
    if refusal := refusal_of(events):
        if refusal.code == _DONE:
            raise Problem(409, "order_done", "Nothing is left", "The order has left the book", order_id=order_id)
        raise rejection(order_id, refusal)
    return change_view(order_id, events)
