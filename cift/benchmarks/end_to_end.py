"""End to end: an order over HTTP to the fill in its response, through journal, risk, match and events."""

from __future__ import annotations

import os
import ssl
from time import perf_counter_ns

import httpx
import numpy as np

from cift.benchmarks.measure import Row, Samples, latency_row
from cift.benchmarks.profile import Profile
from cift.core.config import Settings
from cift.core.tls import client_context

SECTION = "Order to Fill (API)"
#: An instrument of its own, so that a benchmark on a live host never meets a real order.
SYMBOL_VARIABLE = "CIFT_BENCHMARK_SYMBOL"
DEFAULT_SYMBOL = "BENCH"
_PRICE = 100.0
_QUANTITY = 1.0


def measure(settings: Settings, profile: Profile) -> tuple[list[Row], dict[str, str]]:
    """Return the latency of a request whose order crosses a resting one and comes back filled.

    Raises:
        httpx.HTTPError: the API can't be reached.
        RuntimeError: the API refused an order, or one that should trade did not.
    """
    symbol = os.environ.get(SYMBOL_VARIABLE, DEFAULT_SYMBOL)
    with api_client(settings) as client:
        _run(client, symbol, max(profile.orders // 10, 10))
        repetitions = [_run(client, symbol, profile.orders) for _ in range(profile.repetitions)]
    return [latency_row("end_to_end", SECTION, "crossing order to fill, HTTP", "ms", repetitions)], {}


def api_client(settings: Settings) -> httpx.Client:
    """Return a client of the API with the settings' key."""
    verify: ssl.SSLContext | bool = client_context(settings.api_ca, setting="CIFT_API_CA") if settings.api_ca else True
    headers = {"Authorization": f"Bearer {settings.api_key.get_secret_value()}"}
    return httpx.Client(base_url=settings.api_url, headers=headers, verify=verify, timeout=5.0, trust_env=False)


def _run(client: httpx.Client, symbol: str, orders: int) -> Samples:
    """Rest an order, cross it, over and over; return the nanoseconds of the crossing requests."""
    samples = np.empty(orders, dtype=np.int64)
    for index in range(orders):
        samples[index] = fill_once(client, symbol)
    return samples


def fill_once(client: httpx.Client, symbol: str) -> int:
    """Rest an order and cross it; return the nanoseconds of the crossing request.

    Raises:
        httpx.HTTPError: the API can't be reached.
        RuntimeError: the API refused an order, or the crossing one did not trade.
    """
    resting = _place(client, symbol, "sell", "GTC")
    start = perf_counter_ns()
    filled = _place(client, symbol, "buy", "IOC")
    elapsed = perf_counter_ns() - start
    if filled.get("status") != "filled":
        client.delete(f"/api/v1/orders/{resting.get('order_id')}")
        raise RuntimeError(f"an order on {symbol} that should trade came back {filled.get('status')}: {filled}")
    return elapsed


def _place(client: httpx.Client, symbol: str, side: str, tif: str) -> dict[str, object]:
    order = {
        "symbol": symbol,
        "side": side,
        "order_type": "limit",
        "price": _PRICE,
        "quantity": _QUANTITY,
        "tif": tif,
    }
    response = client.post("/api/v1/orders", json=order)
    if response.status_code != httpx.codes.CREATED:
        raise RuntimeError(f"an order on {symbol} was answered {response.status_code}: {_reason(response)}")
    answer: dict[str, object] = response.json()
    return answer


def _reason(response: httpx.Response) -> str:
    """Return what a problem response says, on one line."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200].replace("\n", " ")
