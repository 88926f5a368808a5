"""An order flow's trades and books, as the recorder brought them to QuestDB on the deployed host."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx

WITHIN_S = 120.0
SCRIPT = Path(__file__).with_name("exec_questdb.py").read_text()


def wait_for(host: Any, sql: str, wanted: list[list[Any]]) -> None:
    """Return when a statement shows what it should; the host has just been started, and QuestDB takes its time."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        asked = host.run("python3 -c %s %s", SCRIPT, sql)
        if asked.rc == 0 and json.loads(asked.stdout) == wanted:
            return
        assert time.monotonic() < deadline, "\n".join([
            f"{sql}: expected {wanted}, found {asked.stdout}{asked.stderr}",
            host.run("journalctl --no-pager --lines 30 --unit cift-recorder --unit questdb").stdout,
        ])  # fmt: skip
        time.sleep(0.5)


def order(api: httpx.Client, key: dict[str, str], side: str, quantity: int) -> dict[str, Any]:
    body = {"symbol": "MSFT", "side": side, "order_type": "limit", "price": 50.0, "quantity": quantity}
    placed = api.post("/api/v1/orders", json=body, headers=key)
    assert placed.is_success, placed.text
    view: dict[str, Any] = placed.json()
    return view


def test_what_was_traded_is_in_the_intraday_store_once(host: Any, api: httpx.Client, key: dict[str, str]) -> None:
    bought = order(api, key, "buy", 3)
    sold = order(api, key, "sell", 2)
    assert sold["filled_quantity"] == 2
    # A trade is named by the command that caused it, and so is an order: by its place in the journal.
    trades = f"SELECT symbol, side, sum(quantity) FROM trades WHERE seq = {sold['order_id']}"
    wait_for(host, trades, [["MSFT", "sell", 2.0]])
    books = f"SELECT count() > 0 FROM book_top WHERE symbol = 'MSFT' AND seq >= {bought['order_id']}"
    wait_for(host, books, [[True]])
    assert api.delete(f"/api/v1/orders/{bought['order_id']}", headers=key).status_code in (200, 409)


def test_its_tables_forget_by_themselves_and_none_is_suspended(host: Any) -> None:
    kept = "SELECT table_name FROM tables() WHERE dedup AND ttlValue > 0 ORDER BY 1"
    wait_for(host, kept, [["book_top"], ["trades"]])
    wait_for(host, "SELECT name FROM wal_tables() WHERE suspended", [])
