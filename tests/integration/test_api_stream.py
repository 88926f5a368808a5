"""The WebSocket on real workers, NATS, engine and recorder: what a reader hears, and what it can't do to others."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import re
import socket
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from cift.api.live.connection import MAX_SUBSCRIPTIONS
from cift.api.live.protocol import GRACE_S
from cift.core.database import Account, ApiKey, Database, Instrument, Scope
from cift.core.messages import BookUpdate
from cift.core.nats_manager import NatsManager
from tests.servers.api import KEY, OTHER_KEY, READER_KEY, ApiServer
from tests.servers.certificates import Authority
from tests.servers.live import Book, ask, dial, hear, subscribe
from tests.servers.stack import Stack

ORDERS = "/api/v1/orders"
PROJECT = Path(__file__).parents[2]


async def _place(client: httpx.AsyncClient, symbol: str, side: str, quantity: float, price: float) -> int:
    order = {"symbol": symbol, "side": side, "quantity": quantity, "price": price}
    response = await client.post(ORDERS, json=order)
    assert response.status_code == 201, response.text
    return int(response.json()["order_id"])


async def _shown(client: httpx.AsyncClient, symbol: str, seq: int) -> dict[str, Any]:
    """Return GET /api/v1/book once it shows `seq`."""
    for _ in range(200):
        book: dict[str, Any] = (await client.get(f"/api/v1/book/{symbol}?depth=1000")).json()
        if book["seq"] >= seq:
            return book
        await asyncio.sleep(0.05)
    raise AssertionError(book)


def _levels(book: dict[str, Any]) -> tuple[list[tuple[float, float]], ...]:
    return tuple([(level["price"], level["quantity"]) for level in book[side]] for side in ("bids", "asks"))


async def _metric(api: ApiServer, name: str) -> float:
    async with api.client(key=None) as client:
        text = (await client.get("/metrics")).text
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def _closed(reader: ClientConnection) -> tuple[int | None, str]:
    """Read all that is left and return code and reason."""
    try:
        async with asyncio.timeout(20):
            while True:
                await reader.recv()
    except ConnectionClosed:
        return reader.close_code, reader.close_reason or ""


@asynccontextmanager
async def _one_worker(api: ApiServer) -> AsyncIterator[None]:
    """Have all connections in one worker."""
    await asyncio.to_thread(api.end, 1)
    try:
        yield
    finally:
        api.launch(1)
        await asyncio.to_thread(api.wait, 1)


async def test_snapshot_and_deltas_make_the_book_that_the_api_shows(trading_stack: Stack) -> None:
    symbol, flow = "AAPL", random.Random(7)
    async with trading_stack.api.client() as maker, trading_stack.api.client(OTHER_KEY) as taker:
        await _place(maker, symbol, "buy", 5, 99.0)
        async with dial(trading_stack.api) as early, dial(trading_stack.api) as late:
            await subscribe(early, "book", symbol)
            first, second = Book(), Book()
            resting: list[int] = []
            for turn in range(150):
                if turn == 75:
                    await subscribe(late, "book", symbol)
                if resting and flow.random() < 0.25:
                    await maker.delete(f"{ORDERS}/{resting.pop(flow.randrange(len(resting)))}")
                    continue
                side = flow.choice(("buy", "sell"))
                price = 100 + flow.randrange(-40, 20) / 10 * (1 if side == "buy" else -1)
                placed = await _place(flow.choice((maker, taker)), symbol, side, flow.randint(1, 9), round(price, 2))
                resting.append(placed)
            last = await _place(maker, symbol, "buy", 1, 1.0)
            for book, reader in ((first, early), (second, late)):
                await book.follow(reader, lambda book: book.seq >= last)
            shown = await _shown(maker, symbol, last)
    assert first.levels() == second.levels() == _levels(shown)
    assert len(first.bids) > 1
    assert first.deltas > second.deltas > 20


async def test_every_trade_is_told_with_numbers_without_a_gap(trading_stack: Stack) -> None:
    symbol = "MSFT"
    api = trading_stack.api
    async with api.client() as maker, api.client(OTHER_KEY) as taker, dial(api) as reader:
        before = (await subscribe(reader, "trades", symbol))["number"]
        for turn in range(20):
            await _place(maker, symbol, "sell", 2, 10 + turn)
            await _place(taker, symbol, "buy", 1, 10 + turn)
            await _place(taker, symbol, "buy", 1, 10 + turn)
        trades = [await hear(reader) for _ in range(40)]
    assert [trade["number"] for trade in trades] == list(range(before + 1, before + 41))
    assert [trade["price"] for trade in trades] == [10 + turn for turn in range(20) for _ in range(2)]
    assert {(trade["type"], trade["symbol"], trade["side"], trade["quantity"]) for trade in trades} == {
        ("trade", symbol, "buy", 1)
    }


async def test_accounts_hear_of_their_own_orders_on_all_symbols_and_of_no_others(trading_stack: Stack) -> None:
    api = trading_stack.api
    async with api.client() as maker, api.client(OTHER_KEY) as taker, dial(api) as one, dial(api, OTHER_KEY) as two:
        for reader in (one, two):
            await subscribe(reader, "orders")
        sold = await _place(maker, "NVDA", "sell", 10, 50.0)
        bought = await _place(taker, "NVDA", "buy", 4, 50.0)
        other = await _place(taker, "AMZN", "buy", 3, 20.0)
        await maker.patch(f"{ORDERS}/{sold}", json={"reduce_by": 1})
        await maker.delete(f"{ORDERS}/{sold}")
        heard = {"one": [await hear(one) for _ in range(4)], "two": [await hear(two) for _ in range(3)]}
        for reader in (one, two):  # and nothing else
            await ask(reader, "ping")
            assert (await hear(reader))["type"] == "pong"
    for events in heard.values():
        assert [each["number"] for each in events] == list(range(1, len(events) + 1))
    mine, theirs = ([each["event"] for each in events] for events in heard.values())
    assert [(e["type"], e["symbol"], e["order_id"]) for e in mine] == [
        ("accepted", "NVDA", sold), ("fill", "NVDA", sold), ("reduced", "NVDA", sold), ("cancelled", "NVDA", sold),
    ]  # fmt: skip
    assert [(e["type"], e["symbol"], e["order_id"]) for e in theirs] == [
        ("accepted", "NVDA", bought), ("fill", "NVDA", bought), ("accepted", "AMZN", other),
    ]  # fmt: skip
    assert [(e["side"], e["liquidity"], e["quantity"]) for e in (mine[1], theirs[1])] == [
        ("sell", "maker", 4), ("buy", "taker", 4),
    ]  # fmt: skip
    assert not any("maker_user_id" in e or e.get("user_id", 1) != 1 for e in mine)
    assert not any("maker_user_id" in e or e.get("user_id", 2) != 2 for e in theirs)


async def test_a_worker_reads_a_stream_once_however_many_listen(trading_stack: Stack) -> None:
    async with NatsManager(trading_stack.settings) as nats, AsyncExitStack() as connections:
        before = len(await nats.js.consumers_info("MARKET_DATA"))
        for symbol in ("AAPL", "MSFT", "NVDA") * 4:
            reader = await connections.enter_async_context(dial(trading_stack.api))
            await subscribe(reader, "book", symbol)
        grown = len(await nats.js.consumers_info("MARKET_DATA")) - before
        assert grown <= trading_stack.api.workers


async def test_who_asks_without_an_upgrade_is_told_what_this_is(trading_stack: Stack) -> None:
    async with trading_stack.api.client() as client:
        response = await client.get("/api/v1/stream")
    assert (response.status_code, response.headers["Upgrade"]) == (426, "websocket")
    assert response.json()["code"] == "upgrade_required"


async def test_who_may_not_read_gets_an_answer_instead_of_a_handshake(trading_stack: Stack) -> None:
    for key in (None, "nobody-has-this-key", "ä"):
        with pytest.raises(InvalidStatus) as caught:
            async with dial(trading_stack.api, key):
                pass
        response = caught.value.response
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="cift"')
        assert b'"code":"unauthorized"' in (response.body or b"")
    async with dial(trading_stack.api, READER_KEY) as reader:
        await subscribe(reader, "orders")


async def test_a_browser_signs_in_by_its_first_message(trading_stack: Stack) -> None:
    def browser() -> connect:
        return dial(trading_stack.api, None, origin=Origin("https://desk.example"))

    async with browser() as reader:
        await ask(reader, "auth", key=KEY)
        await subscribe(reader, "orders")
    for first in ('{"op":"auth","key":"nobodys"}', '{"op":"ping"}', b"", "x" * 5000, None):  # None: it says nothing
        async with browser() as reader:
            if first is not None:
                await reader.send(first)
            assert await _closed(reader) == (1008, "unauthorized")


async def _third_account(stack: Stack, *scopes: Scope) -> None:
    """Have account 3 the key `third` with these scopes; without any, no key."""
    key = ApiKey(hashlib.sha256(b"third").hexdigest(), 3, scopes)
    async with Database.from_settings(stack.settings) as database:
        await database.load_reference([], [Account(3, "three")], [key] if scopes else [])


async def _dial_until(api: ApiServer, key: str, status: int) -> ClientConnection | None:
    """Dial until the worker has read what the key may do by now; return the connection if it was to be one."""
    for _ in range(200):
        answer = 101
        reader = None
        try:
            reader = await dial(api, key)
        except InvalidStatus as refused:
            answer = refused.response.status_code
        if answer == status:
            return reader
        if reader is not None:
            await reader.close()
        await asyncio.sleep(0.1)
    raise AssertionError(answer)


async def test_a_key_without_the_scope_is_forbidden_and_one_withdrawn_is_sent_away(trading_stack: Stack) -> None:
    await _third_account(trading_stack, "trade")
    await _dial_until(trading_stack.api, "third", 403)
    await _third_account(trading_stack, "read")
    reader = await _dial_until(trading_stack.api, "third", 101)
    assert reader is not None
    await subscribe(reader, "orders")
    await _third_account(trading_stack)
    assert await _closed(reader) == (1008, "the key is no longer valid")


async def test_what_can_not_be_followed_is_answered_and_the_connection_stays(trading_stack: Stack) -> None:
    wrong: list[tuple[str | bytes, str, str]] = [
        ("not json", "invalid_request", "message"),
        (b'{"op":"ping"}', "invalid_request", "message"),
        ('{"op":"ping","more":"' + "x" * 5000 + '"}', "invalid_request", "message"),
        ('{"op":"sing"}', "invalid_request", "op"),
        ('{"op":"auth","key":"again"}', "invalid_request", "op"),
        ('{"op":"subscribe"}', "invalid_request", "channel"),
        ('{"op":"subscribe","channel":"news"}', "invalid_request", "channel"),
        ('{"op":"subscribe","channel":"book"}', "invalid_request", "symbol"),
        ('{"op":"subscribe","channel":"book","symbol":"NONE"}', "unknown_symbol", "symbol"),
        ('{"op":"subscribe","channel":"book","symbol":">"}', "unknown_symbol", "symbol"),
        ('{"op":"subscribe","channel":"orders","symbol":"AAPL"}', "invalid_request", "symbol"),
        ('{"op":"unsubscribe","channel":"trades","symbol":"AAPL"}', "invalid_request", "channel"),
    ]
    async with dial(trading_stack.api) as reader:
        for message, code, field in wrong:
            await reader.send(message)
            error = await hear(reader)
            assert (error["type"], error["code"], error["field"]) == ("error", code, field), (message, error)
        await subscribe(reader, "trades", "AAPL")
        await ask(reader, "unsubscribe", channel="trades", symbol="AAPL")
        assert (await hear(reader))["type"] == "unsubscribed"


async def test_who_asks_too_much_is_sent_away_with_the_reason(trading_stack: Stack) -> None:
    api = trading_stack.api
    async with dial(api) as reader:
        for _ in range(20):
            await reader.send("not json")
        assert await _closed(reader) == (1008, "too many errors")
    async with dial(api) as reader:
        await reader.send("x" * 70_000)
        assert (await _closed(reader))[0] == 1009


async def test_who_subscribes_to_too_much_is_sent_away_with_the_reason(trading_stack: Stack) -> None:
    symbols = [f"MANY{number}" for number in range(MAX_SUBSCRIPTIONS + 1)]
    async with Database.from_settings(trading_stack.settings) as database:
        await database.load_reference([Instrument(symbol, 0.01, 1.0) for symbol in symbols], [], None)
    async with dial(trading_stack.api) as reader:
        for _ in range(15):  # well under the errors that it may make
            await ask(reader, "subscribe", channel="trades", symbol=symbols[0])
            if (await hear(reader))["type"] == "subscribed":
                break
            await asyncio.sleep(1)
        for symbol in symbols[1:-1]:
            await subscribe(reader, "trades", symbol)
        await ask(reader, "subscribe", channel="trades", symbol=symbols[-1])
        assert await _closed(reader) == (1008, "too many subscriptions")


def _narrow(api: ApiServer) -> socket.socket:
    """Return a connection whose client's side holds next to nothing."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    narrow.connect(("127.0.0.1", api.port))
    narrow.setblocking(False)
    return narrow


async def _flood(stack: Stack, symbol: str, first: int, count: int = 3000) -> BookUpdate:
    """Say `count` books of which each differs from the one before in all levels; return the last one."""
    async with NatsManager(stack.settings) as nats:
        for seq in range(first, first + count):
            bids = tuple((100.0 - level, float(seq + level)) for level in range(50))
            book = BookUpdate(symbol=symbol, ts=seq, seq=seq, bids=bids, asks=())
            await nats.publish(f"market.book.{symbol}", book)
            if seq % 50 == 0:
                await asyncio.sleep(0.01)
    return book


async def test_a_reader_that_does_not_read_is_cut_off_and_costs_the_other_nothing(trading_stack: Stack) -> None:
    symbol, api = "HALT", trading_stack.api  # nobody trades it: its book is what the test says
    async with _one_worker(api), dial(api, sock=_narrow(api)) as slow, dial(api) as quick:
        for reader in (slow, quick):
            await subscribe(reader, "book", symbol)
        book = Book()
        reading = asyncio.create_task(book.follow(quick, lambda book: book.seq >= 3000))
        last = await _flood(trading_stack, symbol, 1)
        await asyncio.wait_for(reading, 30)
        assert book.levels() == (list(last.bids), [])
        assert book.deltas >= 2990, "none is left out"
        assert await _metric(api, "cift_stream_cut_off_total") == 1
        assert await _closed(slow) == (1013, "too slow")
        await ask(quick, "ping")
        assert (await hear(quick))["type"] == "pong"


async def test_a_reader_that_never_reads_again_is_left_and_holds_up_no_stop(trading_stack: Stack) -> None:
    symbol, api = "HALT", trading_stack.api
    cut_off = await _metric(api, "cift_stream_cut_off_total")
    async with dial(api, sock=_narrow(api)) as gone, dial(api, sock=_narrow(api)) as other:
        await subscribe(gone, "book", symbol)
        await _flood(trading_stack, symbol, 10_000)
        assert await _metric(api, "cift_stream_cut_off_total") == cut_off + 1
        await asyncio.sleep(GRACE_S + 1)
        assert (await _closed(gone))[0] == 1006, "reset, for it did not hear the goodbye in time"

        # One that is behind, but not so far yet: what it hasn't read would be waited for.
        await subscribe(other, "book", symbol)
        await _flood(trading_stack, symbol, 20_000, 900)
        await asyncio.sleep(1)
        assert await _metric(api, "cift_stream_cut_off_total") == cut_off + 1
        started = asyncio.get_running_loop().time()
        for number in range(2):
            await asyncio.to_thread(api.end, number)
        assert asyncio.get_running_loop().time() - started < 2 * (GRACE_S + 2)
        for number in range(2):
            api.launch(number)
            await asyncio.to_thread(api.wait, number)
    await trading_stack.healthy()


async def test_a_stopping_worker_sends_its_readers_to_another(trading_stack: Stack) -> None:
    api = trading_stack.api
    readers = [await dial(api) for _ in range(6)]
    for reader in readers:
        await subscribe(reader, "book", "AAPL")
    assert await _metric(api, "cift_stream_connections") == 6
    for number in range(2):
        await asyncio.to_thread(api.end, number)
    assert [await _closed(reader) for reader in readers] == [(1012, "service restart")] * 6
    for number in range(2):
        assert "Traceback" not in api.log(number).read_text()
        api.launch(number)
        await asyncio.to_thread(api.wait, number)
    await trading_stack.healthy()
    assert await _metric(api, "cift_stream_connections") == 0


async def test_nats_restarts_under_it(trading_stack: Stack) -> None:
    symbol, stack = "TSLA", trading_stack
    async with stack.api.client() as maker, stack.api.client(OTHER_KEY) as taker, dial(stack.api) as reader:
        await _place(maker, symbol, "sell", 5, 30.0)
        for channel in ("trades", "book"):
            await subscribe(reader, channel, symbol)
        book = Book()
        await book.follow(reader, lambda book: bool(book.asks))
        known = book.snapshots
        stack.nats.kill()
        await asyncio.sleep(0.5)
        async with dial(stack.api) as late:
            await ask(late, "subscribe", channel="orders")
            error = await hear(late)
            assert (error["type"], error["code"], error["field"]) == ("error", "unavailable", "channel")
        stack.nats.start()
        await stack.healthy()
        for _ in range(100):  # each worker finds its own way back
            order = {"symbol": symbol, "side": "buy", "quantity": 2, "price": 30.0}
            response = await taker.post(ORDERS, json=order)
            if response.status_code == 201:
                break
            await asyncio.sleep(0.1)
        seq = int(response.json()["order_id"])
        trades: list[dict[str, Any]] = []
        while book.seq < seq or not trades:
            message = await hear(reader)
            trades.append(message) if message["type"] == "trade" else book.take(message)
        assert book.snapshots > known
        assert book.levels() == ([], [(30.0, 3.0)]) == _levels(await _shown(maker, symbol, seq))
        assert [(trade["number"], trade["quantity"]) for trade in trades] == [(1, 2)]


async def test_the_example_in_the_readme_runs_over_tls(trading_stack: Stack, tmp_path: Path) -> None:
    certificate = Authority(tmp_path, "ca").issue("api", addresses=("127.0.0.1",))
    options = ["--certificate", str(certificate.certificate), "--key", str(certificate.key)]
    api = ApiServer(tmp_path, trading_stack.api.environment, workers=1, options=options, scheme="https")
    example = re.search(r"\n((    import os, ssl\n)(?:    .*\n|\n)*)", (PROJECT / "README.md").read_text())
    assert example
    program = textwrap.dedent(example[1]).replace(":8000", f":{api.port}")
    environment = {"CIFT_API_CA": str(tmp_path / "ca.crt"), "CIFT_API_KEY": KEY}
    await asyncio.to_thread(api.start)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-u", "-c", program, env=os.environ | environment, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        async with asyncio.timeout(20):
            told = [json.loads(await process.stdout.readline()) for _ in range(2)]
        process.kill()
        await process.wait()
    finally:
        api.stop()
    assert [message["type"] for message in told] == ["subscribed", "snapshot"]
