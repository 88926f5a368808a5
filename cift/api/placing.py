"""One order on its way in: checked, appended to the journal once, answered with what the engine decided."""

from __future__ import annotations

import time
from typing import NamedTuple

import msgspec

from cift.api.backend import Backend
from cift.api.grid import check_price, check_quantity
from cift.api.metrics import ORDERS, OUTCOME_SECONDS
from cift.api.models import OrderRequest, OrderView
from cift.api.outcome import refusal_of, rejection
from cift.api.problems import FieldError, Problem, invalid
from cift.api.reference import Principal
from cift.api.views import order_view
from cift.core.database import Instrument
from cift.core.messages import NewOrder


class Placed(NamedTuple):
    """An order in the journal; `status` is 202 while its outcome is not known."""

    view: OrderView
    status: int
    replayed: bool


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


async def own_order(behind: Backend, principal: Principal, order_id: int) -> NewOrder:
    """Return the command that opened `order_id`; 404 when there is none, 403 when it is another account's."""
    command = await behind.journal.read(order_id)
    if not isinstance(command, NewOrder):
        raise Problem(404, "unknown_order", "No such order", "No order has this id")
    if command.user_id != principal.account_id:
        raise Problem(403, "not_owner", "Not your order", "The order is another account's")
    return command


async def place_order(behind: Backend, trader: Principal, order: OrderRequest) -> Placed:
    """Place an order; raise the problem of one that is refused. Nothing is awaited before it is sent to the journal."""
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
        original = await own_order(behind, trader, receipt.seq)
        if msgspec.structs.replace(original, ts=command.ts) != command:
            detail = f"Order {receipt.seq} of this account has the same client_order_id and differs"
            raise Problem(409, "client_order_id_used", "Not the same order", detail, order_id=receipt.seq)
    events = await behind.journal.outcome(receipt, behind.settings.order_timeout_s)
    view = order_view(receipt.seq, command, events)
    ORDERS.labels(view.status).inc()
    if events is None:
        return Placed(view, 202, receipt.duplicate)
    OUTCOME_SECONDS.observe(time.perf_counter() - started)
    if refusal := refusal_of(events):
        raise rejection(receipt.seq, refusal)
    return Placed(view, 201, receipt.duplicate)
