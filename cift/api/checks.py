"""What is wrong with an order whose fields are right one by one: all of it, before it is in the journal."""

from __future__ import annotations

from collections.abc import Iterator

from cift.api.grid import check_price, check_quantity
from cift.api.problems import FieldError
from cift.core.database import Instrument
from cift.core.entering import misplaced
from cift.core.messages import NewOrder

_UNPRICED = ("market", "market_to_limit", "notional")
_RESTS = ("GTC", "DAY", "GTD")


def check_order(order: NewOrder, instrument: Instrument | None) -> list[FieldError]:
    """Return everything that is wrong with an order."""
    wrong = [*_against_type(order), *((field, why) for field, why in misplaced(order))]
    errors = [FieldError(field=field, message=message) for field, message in wrong]
    if instrument is None:
        return [FieldError(field="symbol", message="is not an instrument of this venue"), *errors]
    if instrument.state != "active":
        message = f"does not trade: the instrument is {instrument.state}"
        return [FieldError(field="symbol", message=message), *errors]
    return [*_off_grid(order, instrument), *errors]


def _off_grid(order: NewOrder, instrument: Instrument) -> Iterator[FieldError]:
    quantities = {"display_quantity": order.display_quantity, "min_quantity": order.min_quantity}
    if order.order_type != "notional":
        quantities = {"quantity": order.quantity, **quantities}
    for field, quantity in quantities.items():
        if quantity is not None:
            yield from check_quantity(field, quantity, instrument)
    prices = {"price": order.price, "trigger_price": order.trigger_price, "trail": order.trail}
    for field, price in (prices | {"offset": abs(order.offset) or None}).items():
        if price is not None:
            yield from check_price(field, price, instrument)


def _against_type(order: NewOrder) -> Iterator[tuple[str, str]]:
    """Yield each field that is missing, or says what goes not together, and what to say of it."""
    kind = order.order_type
    if kind == "limit" and order.price is None:
        yield "price", "a limit order needs a price"
    if kind in _UNPRICED and order.price is not None:
        yield "price", f"a {kind} order has no price"
    if kind in _UNPRICED and order.tif in ("FOK", "GTD"):
        yield "tif", f"{order.tif} is not possible for a {kind} order"
    if kind == "stop" and order.price is None and order.tif == "GTD":
        yield "tif", "a stop without a price waits until it fires or is cancelled: GTD would end nothing"
    if kind == "stop" and (order.trigger_price is None) == (order.trail is None):
        yield "trigger_price", "a stop needs trigger_price or trail, and not both"
    if kind == "pegged" and order.peg is None:
        yield "peg", "a pegged order needs a peg: primary, mid or market"
    if order.post_only and (kind not in ("limit", "stop") or order.price is None or order.tif not in _RESTS):
        yield "post_only", "only an order with a price that may rest (GTC, DAY, GTD) can be post-only"
    if order.reprice and not order.post_only:
        yield "reprice", "goes with post_only"
    if order.tif == "GTD" and order.expires is None:
        yield "expires", "a GTD order needs the time of its end"
    if order.expires is not None and order.tif != "GTD":
        yield "expires", f"goes with tif GTD, not {order.tif}"
    for field, part in (("display_quantity", order.display_quantity), ("min_quantity", order.min_quantity)):
        if part is not None and part > order.quantity:
            yield field, f"must be at most the quantity {order.quantity:g}"
    if kind == "notional" and order.reduce_only:
        yield "reduce_only", "is not possible for a notional order"
