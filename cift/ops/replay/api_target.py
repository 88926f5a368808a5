"""Through the HTTP API of a deployed stack, one command after the other over one kept connection."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from cift.core.messages import Side
from cift.core.tls import TlsError, client_context
from cift.ops.replay.target import Book, Placed, RefusedError, ReplayError, Taken

_ORDERS = "/api/v1/orders"
_TIMEOUT_S = 10.0
_SETTLE_S = 10.0
_LESS_S = 1.0
_POLL_S = 0.002
_DEEPEST = 1000


class ApiTarget:
    """The book of `symbol` behind `url`; `ca` is the file of the certificate that the API is known by."""

    name = "api"

    def __init__(self, symbol: str, url: str, key: str, ca: str = "") -> None:
        try:
            verify = client_context(ca, setting="--ca or CIFT_API_CA")
        except TlsError as error:
            raise ReplayError(str(error)) from error
        self.symbol = symbol
        self._patience_s = _SETTLE_S
        self._decided = 0
        headers = {"Authorization": f"Bearer {key}"}
        # No proxy from the environment: hosts are reached directly.
        self._http = httpx.Client(base_url=url, headers=headers, verify=verify, timeout=_TIMEOUT_S, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def place(self, side: Side, price: float, quantity: float, tif: Literal["GTC", "IOC"]) -> Placed:
        """Place a limit order; waits on when the engine has not answered yet."""
        order = {
            "symbol": self.symbol,
            "side": side,
            "order_type": "limit",
            "price": price,
            "quantity": quantity,
            "tif": tif,
        }
        view = self._call("POST", _ORDERS, order)
        return self._placed(view)

    def clear(self) -> None:
        """Empty the book by market orders, which take all that is shown until nothing is."""
        until = time.monotonic() + _TIMEOUT_S
        book = self.book(_DEEPEST, lambda book: True)
        while any(book):
            if time.monotonic() > until:
                raise ReplayError(f"{self.symbol}: the book is not empty after {_TIMEOUT_S:g} s: somebody else trades")
            for side, levels in (("sell", book[0]), ("buy", book[1])):
                if levels:
                    quantity = sum(quantity for _, quantity in levels)
                    order = {"symbol": self.symbol, "side": side, "order_type": "market", "quantity": quantity}
                    self._placed(self._call("POST", _ORDERS, order))
            book = self.book(_DEEPEST, lambda book: not any(book))

    def reduce(self, order_id: int, by: float) -> None:
        """Take `by` off a resting order."""
        self._change("PATCH", order_id, {"reduce_by": by})

    def cancel(self, order_id: int) -> None:
        """Cancel a resting order."""
        self._change("DELETE", order_id)

    def book(self, depth: int, wanted: Callable[[Book], bool]) -> Book:
        """Return the book, which follows the engine by a moment: waits a while for one that shows all of our commands.

        Of those it waits for the wanted one. Once that was in vain the patience is less, so that a stack that is wrong
        everywhere does not take for ever.
        """
        until = time.monotonic() + self._patience_s
        while True:
            view = self._call("GET", f"/api/v1/book/{self.symbol}?depth={depth}")
            book = _levels(view["bids"]), _levels(view["asks"])
            if view["seq"] >= self._decided and wanted(book):
                return book
            if time.monotonic() > until:
                self._patience_s = _LESS_S
                return book
            time.sleep(_POLL_S)

    def _placed(self, view: dict[str, Any]) -> Placed:
        until = time.monotonic() + _TIMEOUT_S
        while view["status"] == "pending":
            if time.monotonic() > until:
                raise ReplayError(
                    f"order {view['order_id']} has no outcome after {_TIMEOUT_S:g} s: see that cift-engine runs"
                )
            time.sleep(_POLL_S)
            view = self._call("GET", f"{_ORDERS}/{view['order_id']}")
        self._decided = view["order_id"]  # the journal's position of the command
        fills = (Taken(fill["maker_order_id"], fill["price"], fill["quantity"]) for fill in view["fills"])
        return Placed(view["order_id"], tuple(fills))

    def _change(self, method: str, order_id: int, body: dict[str, Any] | None = None) -> None:
        """Change an order; the same request under the same key asks what became of it."""
        until, key = time.monotonic() + _TIMEOUT_S, secrets.token_hex(8)
        while (view := self._call(method, f"{_ORDERS}/{order_id}", body, key=key))["status"] == "pending":
            if time.monotonic() > until:
                raise RefusedError(f"the change of order {order_id} has no outcome after {_TIMEOUT_S:g} s")
            time.sleep(_POLL_S)
        self._decided = view["seq"]

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, key: str | None = None
    ) -> dict[str, Any]:
        headers = {"Idempotency-Key": key} if key else None
        try:
            answer = self._http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            what = str(error) or type(error).__name__
            raise ReplayError(f"{self._http.base_url}: {what}: see that the API runs and --url and --ca fit") from error
        if answer.is_success:
            view: dict[str, Any] = answer.json()
            return view
        detail = _problem(answer)
        if answer.status_code in (401, 403, 404) and method != "PATCH" and not path.startswith(f"{_ORDERS}/"):
            raise ReplayError(f"{method} {path}: {answer.status_code} {detail}")
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ReplayError(f"{method} {path}: {answer.status_code} {detail}: see the API's /health")
        raise RefusedError(f"{method} {path}: {answer.status_code} {detail}")


def _problem(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem.get('title', '')}: {problem.get('detail', '')}"
    except (ValueError, AttributeError):
        return answer.text[:200]


def _levels(rows: list[dict[str, float]]) -> tuple[tuple[float, float], ...]:
    return tuple((row["price"], row["quantity"]) for row in rows)
