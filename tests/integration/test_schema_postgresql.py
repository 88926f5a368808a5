"""The relational tables on a real PostgreSQL: what they refuse, and that they speak the messages' language."""

from __future__ import annotations

from typing import Any, get_args

import asyncpg
import msgspec
import pytest

from cift.core.database import Account, Database, Instrument
from cift.core.messages import Accepted, NewOrder

ORDER = {
    "order_id": 7, "account_id": 1, "symbol": "AAPL", "side": "buy", "order_type": "limit", "quantity": 10,
    "price": 150, "state": "open", "filled": 4, "remaining": 6, "average_price": 149.5, "stream_seq": 9,
    "ts": 1_700_000_000_123_456_789, "updated_ts": 1_700_000_000_123_456_789,
}  # fmt: skip
POSITION = {
    "account_id": 1, "symbol": "AAPL", "quantity": -4, "average_price": 149.5, "stream_seq": 9, "ts": 1
}  # fmt: skip


@pytest.fixture
async def database(reference_database: Database) -> Database:
    await reference_database.load_reference([Instrument("AAPL", 0.01, 1.0)], [Account(1, "one")], None)
    return reference_database


async def insert(database: Database, table: str, row: dict[str, Any]) -> None:
    columns = ", ".join(f'"{name}"' for name in row)
    # As JSON, so that one text serves every column's type.
    query = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_record(null::{table}, $1)"
    async with database.connection() as connection:
        await connection.execute(query, msgspec.json.encode(row).decode())


async def test_every_table_and_column_is_explained(reference_database: Database) -> None:
    query = """SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum >= 0
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations'
        AND NOT attisdropped AND col_description(attrelid, attnum) IS NULL"""
    async with reference_database.connection() as connection:
        assert await connection.fetch(query) == []


async def test_orders_have_the_words_of_the_messages(database: Database) -> None:
    columns = {field.name for field in msgspec.structs.fields(NewOrder)} - {"v", "user_id"}
    hints = {field.name: field.type for field in msgspec.structs.fields(NewOrder)}
    async with database.connection() as connection:
        there = await connection.fetch("SELECT column_name FROM information_schema.columns WHERE table_name = 'orders'")
        definition = await connection.fetchval(
            "SELECT string_agg(pg_get_constraintdef(oid), ' ') FROM pg_constraint WHERE conrelid = 'orders'::regclass"
        )
    assert columns <= {row[0] for row in there}
    for name in ("side", "order_type", "tif"):
        for word in get_args(hints[name]):
            assert f"'{word}'" in definition, word
    assert {"side", "quantity", "price"} <= {field.name for field in msgspec.structs.fields(Accepted)}


async def test_an_order_and_a_position_are_kept_exactly(database: Database) -> None:
    await insert(database, "orders", ORDER | {"offset": 0, **dict.fromkeys(FLAGS, False), "tif": "GTC"})
    await insert(database, "positions", POSITION | {"realized_pnl": 0})
    async with database.connection() as connection:
        order = await connection.fetchrow("SELECT *, extract(epoch FROM created)::text AS moment FROM orders")
        assert (order["ts"], order["moment"]) == (ORDER["ts"], "1700000000.123457")
        assert str(order["average_price"]) == "149.5"
        assert str(await connection.fetchval("SELECT quantity * average_price FROM positions")) == "-598.0"


FLAGS = ("post_only", "reprice", "hidden", "all_or_none", "reduce_only")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"account_id": 2}, "orders_account_id_fkey"),
        ({"symbol": "MSFT"}, "orders_symbol_fkey"),
        ({"side": "long"}, "orders_side_check"),
        ({"price": None}, "orders_limit_has_price"),
        ({"order_type": "market"}, "orders_market_has_no_price"),
        ({"order_type": "stop"}, "orders_stop_has_trigger"),
        ({"order_type": "pegged"}, "orders_pegged_has_peg"),
        ({"tif": "GTD"}, "orders_gtd_expires"),
        ({"quantity": "NaN"}, "orders_quantity_check"),
        ({"price": "NaN"}, "orders_price_check"),
        ({"filled": 5}, "orders_not_overfilled"),
        ({"state": "filled"}, "orders_done_rests_no_more"),
        ({"remaining": 0}, "orders_open_rests"),
        ({"average_price": None}, "orders_fills_have_price"),
        ({"state": "rejected", "filled": 0, "remaining": 0, "average_price": None}, "orders_rejected_says_why"),
        ({"updated_ts": 1}, "orders_time_runs_forward"),
    ],
)
async def test_an_order_that_cannot_be_is_refused(database: Database, change: dict[str, Any], constraint: str) -> None:
    row = ORDER | {"offset": 0, **dict.fromkeys(FLAGS, False), "tif": "GTC"} | change
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        await insert(database, "orders", row)
    assert caught.value.constraint_name == constraint


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"account_id": 2}, "positions_account_id_fkey"),
        ({"quantity": 0}, "positions_held_has_price"),
        ({"average_price": None}, "positions_held_has_price"),
    ],
)
async def test_a_position_that_cannot_be_is_refused(
    database: Database, change: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        await insert(database, "positions", POSITION | {"realized_pnl": 0} | change)
    assert caught.value.constraint_name == constraint


async def test_users_act_for_accounts_and_what_traded_stays(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("INSERT INTO users (login, name) VALUES ('ada', 'Ada')")
        await connection.execute("INSERT INTO user_roles (login, role) VALUES ('ada', 'risk')")
        await connection.execute("INSERT INTO account_users (account_id, login, scopes) VALUES (1, 'ada', '{trade}')")
        for statement in (
            "INSERT INTO user_roles (login, role) VALUES ('ada', 'king')",
            "INSERT INTO user_roles (login, role) VALUES ('bob', 'risk')",
            "INSERT INTO account_users (account_id, login, scopes) VALUES (1, 'ada', '{}')",
            "INSERT INTO users (login, name) VALUES ('Ada Lovelace', 'Ada')",
        ):
            with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                await connection.execute(statement)
        await connection.execute("UPDATE users SET login = 'ada.l' WHERE login = 'ada'")
        assert await connection.fetchval("SELECT login FROM account_users") == "ada.l"
        await connection.execute("DELETE FROM users")
        assert await connection.fetchval("SELECT count(*) FROM user_roles") == 0
    await insert(database, "positions", POSITION | {"realized_pnl": 0})
    async with database.connection() as connection:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute("DELETE FROM accounts")
