"""/api/v1/orders: place, look up, modify and cancel orders.

A request becomes a command in the journal; its answer is what the engine publishes about that command. Workers share
nothing: an order's id is its command's place in the journal, and the journal says whose it is.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response

from cift.api.auth import Reader, Trader
from cift.api.backend import Backend, Behind
from cift.api.grid import check_price, check_quantity
from cift.api.metrics import ORDERS, OUTCOME_SECONDS
from cift.api.models import (
    ChangeRequest,
    ChangeView,
    MassCancelRequest,
    MassCancelView,
    OrderId,
    OrderRequest,
    OrderView,
)
from cift.api.outcome import decided, refusal_of, rejection
from cift.api.problems import FieldError, Problem, described, invalid
from cift.api.reference import Principal
from cift.api.views import change_view, mass_cancel_view, order_view
from cift.core.database import Instrument
from cift.core.messages import (
    AnyEvent,
    CancelOrder,
    MassCancel,
    ModifyOrder,
    NewOrder,
    ReduceOrder,
)

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

# The engine's code for an order that the book doesn't know: one that is in the journal has left it.
_DONE = "unknown_order"


def _check(order: OrderRequest, instrument: Instrument | None) -> list[FieldError]:
    """Return everything that is wrong with an order whose fields are right one by one."""
    errors: list[FieldError] = []
    if instrument is None:
        errors.append(FieldError(field="symbol", message="is not an instrument of this venue"))
    elif instrument.state != "active":
        errors.append(FieldError(field="symbol", message=f"does not trade: the instrument is {instrument.state}"))
    else:
        errors += check_quantity("quantity", order.quantity, instrument)
        if order.price is not None:
            errors += check_price("price", order.price, instrument)
    if order.order_type == "limit" and order.price is None:
        errors.append(FieldError(field="price", message="a limit order needs a price"))
    if order.order_type == "market" and order.price is not None:
        errors.append(FieldError(field="price", message="a market order has no price"))
    if order.post_only and (order.order_type == "market" or order.tif != "GTC"):
        errors.append(FieldError(field="post_only", message="only a GTC limit order can be post-only"))
    return errors


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


async def _own_order(behind: Backend, principal: Principal, order_id: int) -> NewOrder:
    """Return the command that opened `order_id`; 404 when there is none, 403 when it is another account's."""
    command = await behind.journal.read(order_id)
    if not isinstance(command, NewOrder):
        raise Problem(404, "unknown_order", "No such order", "No order has this id")
    if command.user_id != principal.account_id:
        raise Problem(403, "not_owner", "Not your order", "The order is another account's")
    return command


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
    errors = _check(order, behind.reference.instrument(order.symbol))
    if errors:
        raise invalid(errors)
    command = NewOrder(
        symbol=order.symbol,
        ts=time.time_ns(),
        user_id=trader.account_id,
        side=order.side,
        order_type=order.order_type,
        quantity=order.quantity,
        price=order.price,
        tif=order.tif,
        post_only=order.post_only,
        client_order_id=order.client_order_id,
    )
    msg_id = f"order:{trader.account_id}:{order.client_order_id}" if order.client_order_id else None
    started = time.perf_counter()
    receipt = await behind.journal.append(command, msg_id=msg_id)
    if receipt.duplicate:
        original = await _own_order(behind, trader, receipt.seq)
        if msgspec.structs.replace(original, ts=command.ts) != command:
            detail = f"Order {receipt.seq} of this account has the same client_order_id and differs"
            raise Problem(409, "client_order_id_used", "Not the same order", detail, order_id=receipt.seq)
        response.headers["Idempotent-Replayed"] = "true"
    events = await behind.journal.outcome(receipt, behind.settings.order_timeout_s)
    view = order_view(receipt.seq, command, events)
    ORDERS.labels(view.status).inc()
    response.headers["Location"] = f"{router.prefix}/{receipt.seq}"
    if events is None:
        response.status_code = 202
        return view
    OUTCOME_SECONDS.observe(time.perf_counter() - started)
    if refusal := refusal_of(events):
        raise rejection(receipt.seq, refusal)
    return view


@router.get("/{order_id}", responses=described(401, 403, 404, 422, 503))
async def get_order(order_id: OrderId, behind: Behind, reader: Reader) -> OrderView:
    """Return an order and what the engine decided when it arrived: how a client learns what became of a 202.

    What happens to the resting part later is on the event stream and in the table `trade_executions`.
    """
    command = await _own_order(behind, reader, order_id)
    return order_view(order_id, command, await behind.journal.find_outcome(order_id))


@router.patch(
    "/{order_id}",
    responses=described(401, 403, 404, 409, 422, 503, pending=ChangeView),
)
async def change(
    order_id: OrderId, wanted: ChangeRequest, behind: Behind, trader: Trader, response: Response
) -> ChangeView:
    """Give a resting order another price, another quantity, or both; or take quantity off it.

    It keeps its place in the queue when its price stays and its quantity does not grow; otherwise it comes in anew, is
    judged by risk as a new order is, and trades what it can. What is refused leaves the order as it was.
    """
    opened = await _own_order(behind, trader, order_id)
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
    return _changed(order_id, await decided(behind, command), response)


@router.delete("", responses=described(401, 403, 422, 503, pending=MassCancelView))
async def mass_cancel(
    which: Annotated[MassCancelRequest, Query()], behind: Behind, trader: Trader, response: Response
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
    events = await decided(behind, command)
    if events is None:
        response.status_code = 202
        return MassCancelView(symbol=which.symbol, status="pending")
    if refusal := refusal_of(events):
        raise rejection(None, refusal)
    return mass_cancel_view(which.symbol, events)


@router.delete(
    "/{order_id}",
    responses=described(401, 403, 404, 409, 422, 503, pending=ChangeView),
)
async def cancel(order_id: OrderId, behind: Behind, trader: Trader, response: Response) -> ChangeView:
    """Cancel what is left of an order."""
    opened = await _own_order(behind, trader, order_id)
    command = CancelOrder(symbol=opened.symbol, ts=time.time_ns(), user_id=trader.account_id, order_id=order_id)
    return _changed(order_id, await decided(behind, command), response)


def _changed(order_id: int, events: list[AnyEvent] | None, response: Response) -> ChangeView:
    if events is None:
        response.status_code = 202
        return ChangeView(order_id=order_id, status="pending")
    if refusal := refusal_of(events):
        if refusal.code == _DONE:
            raise Problem(409, "order_done", "Nothing is left", "The order has left the book", order_id=order_id)
        raise rejection(order_id, refusal)
    return change_view(order_id, events)
