"""What the API knows of PostgreSQL: instruments and key hashes, held in memory and refreshed.

An order must not wait for a database: PostgreSQL away means that the last known data stays in force, and that a worker
which never saw any answers 503.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from dataclasses import dataclass

from cift.api.problems import unavailable
from cift.core.database import ApiKey, Database, DatabaseUnavailable, Instrument
from cift.core.signing import key_id

log = logging.getLogger(__name__)

REFRESH_S = 5.0
# A key that is not known may have been made a moment ago; strangers must not turn that hope into load.
MISS_REFRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: the account of the key (its id is the messages' `user_id`) and what the key may do.

    `key_id` is the hash that the key is known by.
    """

    account_id: int
    scopes: frozenset[str]
    key_id: str
    must_sign: bool = False


class ReferenceCache:
    """Instruments by symbol, names of accounts, and principals by the hash of their key."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._instruments: dict[str, Instrument] = {}
        self._accounts: dict[int, str] = {}
        self._keys: dict[str, tuple[ApiKey, Principal]] = {}
        self._loaded = False
        self._tried_at = -float("inf")
        self._lock = asyncio.Lock()
        self._failing = False

    @property
    def loaded(self) -> bool:
        """Whether there is any data to decide by."""
        return self._loaded

    def instrument(self, symbol: str) -> Instrument | None:
        """Return the instrument, None when there is no such symbol; raise 503 before the first load."""
        self._require_loaded()
        return self._instruments.get(symbol)

    def instruments(self) -> list[Instrument]:
        """Return every instrument, by symbol; raise 503 before the first load."""
        self._require_loaded()
        return list(self._instruments.values())

    def account_name(self, account_id: int) -> str:
        """Return what an account is called; empty for one that is gone."""
        return self._accounts.get(account_id, "")

    async def principal(self, key: str) -> Principal | None:
        """Return whose key this is, None for nobody's; raise 503 before the first load.

        What is looked up is the hash of a long random secret, so that the time it takes tells nothing about a key.
        """
        return await self.named(key_id(key))

    async def named(self, name: str) -> Principal | None:
        """Return whose key has this id, None if nobody's has; raise 503 before the first load."""
        found = await self._find(name)
        return found[1] if found is not None and hmac.compare_digest(found[0].sha256, name) else None

    async def signer(self, name: str) -> tuple[bytes, Principal] | None:
        """Return what the key with this id signs with, and whose it is; None for one that can't sign."""
        found = await self._find(name)
        if found is None or found[0].signing_secret is None:
            return None
        return bytes.fromhex(found[0].signing_secret), found[1]

    async def _find(self, name: str) -> tuple[ApiKey, Principal] | None:
        found = self._keys.get(name)
        if found is None:
            await self.refresh(older_than=MISS_REFRESH_S)
            found = self._keys.get(name)
        self._require_loaded()
        return found

    async def refresh(self, *, older_than: float = 0.0) -> None:
        """Read everything anew, unless somebody tried in the last `older_than` seconds; keep the old on failure."""
        async with self._lock:
            if time.monotonic() - self._tried_at < older_than:
                return
            try:
                instruments = await self._database.instruments()
                accounts = await self._database.accounts()
                keys = await self._database.api_keys()
            except DatabaseUnavailable as error:
                if not self._failing:
                    log.warning("reference data: %s; trying again every %g s", error, REFRESH_S)
                self._failing = True
                return
            finally:
                self._tried_at = time.monotonic()
            self._failing = False
            self._instruments = {instrument.symbol: instrument for instrument in instruments}
            self._accounts = {account.account_id: account.name for account in accounts}
            self._keys = {
                key.sha256: (key, Principal(key.account_id, frozenset(key.scopes), key.sha256, key.must_sign))
                for key in keys
            }
            self._loaded = True

    async def keep_fresh(self) -> None:
        """Refresh for ever; run as a task."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_S)

    def _require_loaded(self) -> None:
        if not self.loaded:
            raise unavailable("Reference data", "Instruments and keys were not read from PostgreSQL yet; try again")
