"""Rates, nonces and rows of orders without a server: what each worker does alone when no cache answers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac

import pytest

from cift.api.paging import following, place
from cift.api.problems import Problem, _field
from cift.api.rates import Rates
from cift.api.shared import Shared
from cift.api.signatures import Claim, Nonces
from cift.core.cache import Cache
from cift.core.config import Settings
from cift.core.signing import key_id, signature, signing_secret


@pytest.fixture
def away() -> Shared:
    """Nobody listens on port 1."""
    return Shared(Cache(Settings(CACHE_HOST="127.0.0.1", CACHE_PORT=1)))


async def test_without_a_cache_a_worker_holds_a_key_to_its_rate_by_itself(away: Shared) -> None:
    rates = Rates(away, rate=50, burst=3)
    for _ in range(3):
        await rates.take("one")
    with pytest.raises(Problem) as caught:
        await rates.take("one")
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "1"})
    await rates.take("another", 3)
    await rates.take("third", 1000)  # more than a burst is never granted: it counts as one
    await asyncio.sleep(0.05)
    await rates.take("one", 2)
    await rates.take("one", 0)
    await rates.take("one", -1)


async def test_without_a_cache_a_worker_remembers_its_own_nonces(away: Shared) -> None:
    nonces = Nonces(away, window_s=5)
    claim = Claim("a" * 64, "1700000000000", "n" * 16, "f" * 64, b"")
    assert await nonces.is_new(claim)
    assert not await nonces.is_new(claim)
    assert await nonces.is_new(Claim("b" * 64, claim.timestamp, claim.nonce, claim.signature, b""))


def test_a_signature_is_over_all_of_it_and_its_secret_is_not_the_hash_that_names_the_key() -> None:
    secret = signing_secret("key")
    assert secret == hmac.digest(b"key", b"cift request signing 1", "sha256")
    assert secret.hex() != key_id("key") == hashlib.sha256(b"key").hexdigest()
    asked = ("1700000000000", "nonce", "POST", "/path", "a=1", b"body")
    signed = signature(secret, *asked)
    for index, value in enumerate(asked):
        other = value + (b"x" if isinstance(value, bytes) else "x")  # type: ignore[operator]
        changed = (*asked[:index], other, *asked[index + 1 :])
        assert signature(secret, *changed) != signed  # type: ignore[arg-type]
    assert signature(b"x" * 32, *asked) != signed


def test_a_cursor_is_a_place_in_its_own_list_alone() -> None:
    assert following(True, 7, 8) == "7-8"
    assert following(False, 7, 8) is None
    assert place("7-8", (1, 2)) == (7, 8)
    assert place(None, (1, 2)) == (1, 2)
    for wrong in ("7", "7-8-9", "7-", "-7", "7-x", "99999999999999999999-1", str(2**63) + "-1"):
        with pytest.raises(Problem):
            place(wrong, (1, 2))


def test_a_field_in_a_list_is_named_with_its_place() -> None:
    assert _field(("body", "orders", 3, "price")) == "orders.3.price"
    assert _field(("body", 17)) == "body"
