"""/api/v1/orders: place, look up, reduce and cancel orders.

A request becomes a command in the journal; its answer is what the engine publishes about that command. Workers share
nothing: an order's id is its command's place in the journal, and the journal says whose it is.
"""

from __future__ import annotations

import time

import msgspec
from fastapi import APIRouter, Response

from cift.api.auth import Reader, Trader
from cift.api.backend import Backend, Behind
from cift.api.grid import check_price, check_quantity
from cift.api.metrics import ORDERS, OUTCOME_SECONDS
from cift.api.models import ChangeView, OrderId, OrderRequest, OrderView, ReduceRequest
from cift.api.problems import FieldError, Problem, described, invalid
from cift.api.reference import Principal
from cift.api.views import change_view, order_view
from cift.core.database import Instrument
from cift.core.messages import AnyEvent, CancelOrder, NewOrder, ReduceOrder, Rejected

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

# The engine's codes that mean more than "the order is not acceptable". An order in the journal that the book doesn't
# know has left it.
_DONE = "unknown_order"
_STATUS_OF_CODE = {"not_owner": 403, "duplicate_client_order_id": 409}


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


async def _outcome(behind: Backend, command: NewOrder | CancelOrder | ReduceOrder) -> list[AnyEvent] | None:
    started = time.perf_counter()
    receipt = await behind.journal.append(command)
    events = await behind.journal.outcome(receipt, behind.settings.order_timeout_s)
    OUTCOME_SECONDS.observe(time.perf_counter() - started)
    return events


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
    if isinstance(events[0], Rejected):
        raise _rejection(receipt.seq, events[0])
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
async def reduce(
    order_id: OrderId, change: ReduceRequest, behind: Behind, trader: Trader, response: Response
) -> ChangeView:
    """Take quantity off a resting order; it keeps its place in the queue."""
    opened = await _own_order(behind, trader, order_id)
    instrument = behind.reference.instrument(opened.symbol)
    if instrument and (errors := check_quantity("reduce_by", change.reduce_by, instrument)):
        raise invalid(errors)
    command = ReduceOrder(
        symbol=opened.symbol, ts=time.time_ns(), user_id=trader.account_id, order_id=order_id, by=change.reduce_by
    )
    return _changed(order_id, await _outcome(behind, command), response)


@router.delete(
    "/{order_id}",
    responses=described(401, 403, 404, 409, 422, 503, pending=ChangeView),
)
async def cancel(order_id: OrderId, behind: Behind, trader: Trader, response: Response) -> ChangeView:
    """Cancel what is left of an order."""
    opened = await _own_order(behind, trader, order_id)
    command = CancelOrder(symbol=opened.symbol, ts=time.time_ns(), user_id=trader.account_id, order_id=order_id)
    return _changed(order_id, await _outcome(behind, command), response)


def _changed(order_id: int, events: list[AnyEvent] | None, response: Response) -> ChangeView:
    if events is None:
        response.status_code = 202
        return ChangeView(order_id=order_id, status="pending")
    first = events[0]
    if isinstance(first, Rejected):
        if first.code == _DONE:
            raise Problem(409, "order_done", "Nothing is left", "The order has left the book", order_id=order_id)
        raise _rejection(order_id, first)
    return change_view(order_id, events)


def _rejection(order_id: int, event: Rejected) -> Problem:
    status = _STATUS_OF_CODE.get(event.code, 422)
    return Problem(status, event.code, "The engine rejected this", event.reason, order_id=order_id)
