"""PostgreSQL: what may be traded, who trades, and the hashes of their API keys.

    async with Database.from_settings(get_settings()) as database:
        instruments = await database.instruments()

Connections are made on demand: an unreachable server is an error of the call that needs it (`DatabaseUnavailable`), not
of the program's start.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from types import TracebackType
from typing import Annotated, Any, Literal, Self

import asyncpg
import msgspec

from cift.core.client_metrics import CONNECTIONS, timed
from cift.core.config import Settings
from cift.core.tls import TlsError, client_context

# \Z, not $: the latter also matches before a line break at the end.
SYMBOL_PATTERN = r"^[A-Z0-9][A-Z0-9_-]{0,31}\Z"
Scope = Literal["trade", "read", "risk"]
AccountId = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Hex32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Grid = Annotated[float, msgspec.Meta(gt=0, le=1e9)]


class Instrument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be traded: prices are multiples of `tick_size`, quantities of `lot_size`; only `active` ones trade."""

    symbol: Annotated[str, msgspec.Meta(pattern=SYMBOL_PATTERN)]
    tick_size: Grid
    lot_size: Grid
    state: Literal["active", "halted"] = "active"


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who trades; `account_id` is the `user_id` of every message."""

    account_id: AccountId
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a key may do: `sha256` is the hash of the key in lower-case hex; the key itself is stored nowhere.

    With `signing_secret` (see `cift.core.signing`, in hex) it may sign requests, and with `must_sign` do nothing else.
    """

    sha256: Hex32
    account_id: AccountId
    scopes: Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1)]
    signing_secret: Hex32 | None = None
    must_sign: bool = False

    def __post_init__(self) -> None:
        if self.must_sign and self.signing_secret is None:
            raise ValueError("must_sign needs a signing_secret; `cift reference key` prints both")

    def __repr__(self) -> str:
        return f"ApiKey({self.sha256!r}, {self.account_id}, {self.scopes!r}, must_sign={self.must_sign})"


class DatabaseUnavailable(ConnectionError):
    """PostgreSQL can't be reached, refuses the login, or lacks the schema; the message says which and what to do."""


_UPSERT_ACCOUNTS = """
INSERT INTO accounts AS old (account_id, name) SELECT * FROM unnest($1::bigint[], $2::text[])
ON CONFLICT (account_id) DO UPDATE SET name = excluded.name WHERE old.name IS DISTINCT FROM excluded.name"""

_UPSERT_INSTRUMENTS = """
INSERT INTO instruments AS old (symbol, tick_size, lot_size, state)
SELECT * FROM unnest($1::text[], $2::numeric[], $3::numeric[], $4::text[])
ON CONFLICT (symbol) DO UPDATE
SET tick_size = excluded.tick_size, lot_size = excluded.lot_size, state = excluded.state
WHERE (old.tick_size, old.lot_size, old.state)
   IS DISTINCT FROM (excluded.tick_size, excluded.lot_size, excluded.state)"""

# Arrays of arrays must be rectangular, hence the scopes travel as one comma-separated string a key.
_UPSERT_KEYS = """
INSERT INTO api_keys AS old (sha256, account_id, scopes, signing_secret, must_sign)
SELECT sha256, account_id, string_to_array(scopes, ','), signing_secret, must_sign
FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::bytea[], $5::boolean[])
    AS new (sha256, account_id, scopes, signing_secret, must_sign)
ON CONFLICT (sha256) DO UPDATE
SET account_id = excluded.account_id, scopes = excluded.scopes,
    signing_secret = excluded.signing_secret, must_sign = excluded.must_sign
WHERE (old.account_id, old.scopes, old.signing_secret, old.must_sign)
   IS DISTINCT FROM (excluded.account_id, excluded.scopes, excluded.signing_secret, excluded.must_sign)"""

_REVOKE_KEYS = "DELETE FROM api_keys WHERE account_id = ANY($1::bigint[]) AND NOT sha256 = ANY($2::bytea[])"


class Database:
    """A small pool of connections to PostgreSQL; `connect`, `close`, or `async with`."""

    def __init__(
        self, *, host: str, port: int, name: str, user: str, password: str, previous_password: str = "", ca: str = "",
        max_size: int = 4, timeout: float = 5.0,
    ) -> None:  # fmt: skip
        """`ca` is a file: the authority whose server this must be. Without it the connection is in plain text.

        While the password is being changed, the server may still want `previous_password`.
        """
        self.address = f"{host}:{port}/{name}"
        # The server may change over between our first try and the second.
        self._passwords = (password, previous_password, password) if previous_password else (password,)
        self._parameters: dict[str, Any] = {
            "host": host,
            "port": port,
            "database": name,
            "user": user,
            "connect": self._sign_in,
            "min_size": 0,
            "max_size": max_size,
            "timeout": timeout,
            # asyncpg's own default would take plain text from a server that offers no TLS, and trust anybody.
            "ssl": False,
            "command_timeout": timeout,
            "server_settings": {"application_name": "cift"},
        }
        self._timeout, self._ca = timeout, ca
        self._pool: asyncpg.Pool | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return a database, not yet connected, at the address of `settings` (DATABASE_*)."""
        return cls(
            host=settings.database_host,
            port=settings.database_port,
            name=settings.database_name,
            user=settings.database_user,
            password=settings.database_password.get_secret_value(),
            previous_password=settings.database_previous_password.get_secret_value(),
            ca=settings.database_ca,
        )

    async def connect(self) -> Self:
        """Make the pool; the first connection is made by the first call that needs one.

        Raises:
            DatabaseUnavailable: the authority's file can't be used.
        """
        if self._pool is None:
            try:
                trust = {"ssl": client_context(self._ca, setting="DATABASE_CA")} if self._ca else {}
            except TlsError as error:
                raise DatabaseUnavailable(str(error)) from None
            self._pool = await asyncpg.create_pool(**self._parameters | trust)
        return self

    async def _sign_in(self, *where: Any, **how: Any) -> asyncpg.Connection:
        """Connect with the first password that the server takes."""
        *others, last = self._passwords
        for password in others:
            with suppress(asyncpg.InvalidPasswordError):
                return await asyncpg.connect(*where, password=password, **how)
        return await asyncpg.connect(*where, password=last, **how)

    async def close(self) -> None:
        """Close every connection; a second call does nothing."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Lend one connection of the pool; failures to reach the server become `DatabaseUnavailable`."""
        if self._pool is None:
            raise DatabaseUnavailable("the database is not connected: call connect() first")
        try:
            with timed("postgresql", "connection"):
                async with self._pool.acquire(timeout=self._timeout) as connection:
                    self._count()
                    yield connection
            self._count()
        except asyncpg.UndefinedTableError as error:
            raise DatabaseUnavailable(f"PostgreSQL at {self.address}: {error}: run `cift schema apply`") from error
        except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
            hint = "check DATABASE_*" if self._ca else "check DATABASE_*; a server that wants TLS needs DATABASE_CA"
            raise DatabaseUnavailable(f"PostgreSQL at {self.address}: {error}: {hint}") from error
        except (
            OSError,
            TimeoutError,
            asyncpg.PostgresConnectionError,
            asyncpg.CannotConnectNowError,
            asyncpg.AdminShutdownError,
            asyncpg.InterfaceError,
        ) as error:
            cause = str(error) or type(error).__name__
            hint = (
                ": does it speak TLS, with a certificate of DATABASE_CA's authority for that address?"
                if self._ca
                else ""
            )
            raise DatabaseUnavailable(f"PostgreSQL at {self.address} does not answer ({cause}){hint}") from error

    def _count(self) -> None:
        """Tell how many connections the pool has: busy ones and idle ones."""
        if self._pool is not None:
            idle = self._pool.get_idle_size()
            CONNECTIONS.labels("postgresql", "busy").set(self._pool.get_size() - idle)
            CONNECTIONS.labels("postgresql", "idle").set(idle)

    async def ping(self) -> float:
        """Return the seconds that one empty query took."""
        async with self.connection() as connection:
            start = time.perf_counter()
            await connection.execute("SELECT 1")
            return time.perf_counter() - start

    async def instruments(self) -> list[Instrument]:
        """Return every instrument, by symbol."""
        rows = await self._fetch("SELECT symbol, tick_size, lot_size, state FROM instruments ORDER BY symbol")
        return [Instrument(r["symbol"], float(r["tick_size"]), float(r["lot_size"]), r["state"]) for r in rows]

    async def accounts(self) -> list[Account]:
        """Return every account, by id."""
        rows = await self._fetch("SELECT account_id, name FROM accounts ORDER BY account_id")
        return [Account(row["account_id"], row["name"]) for row in rows]

    async def api_keys(self) -> list[ApiKey]:
        """Return every key's hash and rights, by account."""
        rows = await self._fetch(
            "SELECT sha256, account_id, scopes, signing_secret, must_sign FROM api_keys ORDER BY account_id, sha256"
        )
        return [
            ApiKey(
                row["sha256"].hex(),
                row["account_id"],
                tuple(row["scopes"]),
                row["signing_secret"].hex() if row["signing_secret"] else None,
                row["must_sign"],
            )
            for row in rows
        ]

    async def load_reference(
        self, instruments: Sequence[Instrument], accounts: Sequence[Account], api_keys: Sequence[ApiKey] | None
    ) -> int:
        """Insert or update everything in one transaction and return the number of rows that changed.

        With `api_keys`, the accounts named in `accounts` have exactly those keys afterwards: a key that was rotated
        stops working. A key of an unknown account raises `ValueError`.
        """
        keys = api_keys or ()
        hashes = [bytes.fromhex(key.sha256) for key in keys]
        owners = [account.account_id for account in accounts]
        async with self.connection() as connection, connection.transaction():
            known = set(owners) | {row[0] for row in await connection.fetch("SELECT account_id FROM accounts")}
            for index, key in enumerate(keys):
                if key.account_id not in known:
                    raise ValueError(f"api_keys[{index}].account_id: no account {key.account_id}; add it to accounts")
            tags = [
                await connection.execute(_UPSERT_ACCOUNTS, owners, [account.name for account in accounts]),
                await connection.execute(
                    _UPSERT_INSTRUMENTS,
                    [instrument.symbol for instrument in instruments],
                    [Decimal(repr(instrument.tick_size)) for instrument in instruments],
                    [Decimal(repr(instrument.lot_size)) for instrument in instruments],
                    [instrument.state for instrument in instruments],
                ),
            ]
            if api_keys is not None:
                tags.append(await connection.execute(_REVOKE_KEYS, owners, hashes))
                tags.append(
                    await connection.execute(
                        _UPSERT_KEYS,
                        hashes,
                        [key.account_id for key in keys],
                        [",".join(key.scopes) for key in keys],
                        [bytes.fromhex(key.signing_secret) if key.signing_secret else None for key in keys],
                        [key.must_sign for key in keys],
                    )
                )
        return sum(int(tag.rpartition(" ")[2]) for tag in tags)

    async def _fetch(self, query: str) -> list[asyncpg.Record]:
        async with self.connection() as connection:
            return list(await connection.fetch(query))
