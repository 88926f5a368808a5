"""Is a number on an instrument's grid? Decided in decimal, on the digits that the client sent."""

from __future__ import annotations

from decimal import Decimal

from cift.api.problems import FieldError
from cift.core.database import Instrument

# Beyond this many steps a double no longer tells one step from the next.
MAX_STEPS = 2**53


def off_grid(field: str, value: float, step: float, unit: str) -> FieldError | None:
    """Return what is wrong when `value` (positive, finite) is no multiple of `step`, else None."""
    exact, grid = Decimal(repr(value)), Decimal(repr(step))
    if exact > grid * MAX_STEPS:
        return FieldError(field=field, message=f"must be at most {grid * MAX_STEPS:f}")
    if exact % grid:
        return FieldError(field=field, message=f"must be a multiple of the {unit} {grid.normalize():f}")
    return None


def check_quantity(field: str, quantity: float, instrument: Instrument) -> list[FieldError]:
    """Return the errors of a quantity, at most one."""
    error = off_grid(field, quantity, instrument.lot_size, "lot size")
    return [error] if error else []


def check_price(field: str, price: float, instrument: Instrument) -> list[FieldError]:
    """Return the errors of a price, at most one."""
    error = off_grid(field, price, instrument.tick_size, "tick size")
    return [error] if error else []


def on_lots(quantity: float, instrument: Instrument | None) -> float:
    """Return a sum of quantities without what adding doubles left behind: the nearest multiple of the lot size."""
    if instrument is None:
        return quantity
    lot = Decimal(repr(instrument.lot_size))
    return float(round(Decimal(quantity) / lot) * lot)
