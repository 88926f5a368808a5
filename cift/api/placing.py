"""One order on its way in: checked, appended to the journal once, answered with what the engine decided."""

from __future__ import annotations

import time
from typing import NamedTuple

import msgspec

from cift.api.backend import Backend
from cift.api.checks import check_order
from cift.api.metrics import ORDERS, OUTCOME_SECONDS
from cift.api.models import OrderRequest, OrderView
from cift.api.outcome import refusal_of, rejection
from cift.api.problems import Problem, invalid
from cift.api.reference import Principal
from cift.api.views import order_view
from cift.core.messages import NewOrder


class Placed(NamedTuple):
    """An order in the journal; `status` is 202 while its outcome is not known."""

    view: OrderView
    status: int
    replayed: bool


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
    command = NewOrder(ts=time.time_ns(), user_id=trader.account_id, **dict(order))
    if errors := check_order(command, behind.reference.instrument(order.symbol)):
        raise invalid(errors)
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
