"""A user's key, held against the publisher's own library for it."""

from __future__ import annotations

import base64

import nkeys
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cift.core.nkey import UserKey

RAW = st.binary(min_size=32, max_size=32)


@given(raw=RAW, nonce=st.text(st.characters(codec="ascii"), min_size=1, max_size=64))
def test_it_is_the_librarys(raw: bytes, nonce: str) -> None:
    seed = nkeys.encode_seed(raw, nkeys.PREFIX_BYTE_USER)
    theirs, ours = nkeys.from_seed(seed), UserKey(seed.decode())
    assert ours.public == theirs.public_key.decode()
    assert base64.b64decode(ours.sign(nonce)) == theirs.sign(nonce.encode())


@given(raw=RAW, position=st.integers(0, 57), letter=st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_a_damaged_seed_is_refused(raw: bytes, position: int, letter: str) -> None:
    seed = nkeys.encode_seed(raw, nkeys.PREFIX_BYTE_USER).decode()
    damaged = seed[:position] + letter + seed[position + 1 :]
    if damaged != seed:
        with pytest.raises(ValueError, match="expected a user's seed"):
            UserKey(damaged)


@pytest.mark.parametrize("seed", ["", "SU", "not base32!", "SUAM" * 14])
def test_what_is_no_seed_is_refused(seed: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - base64's own words, or ours
        UserKey(seed)


def test_an_account_is_no_user() -> None:
    with pytest.raises(ValueError, match="expected a user's seed"):
        UserKey(nkeys.encode_seed(bytes(32), nkeys.PREFIX_BYTE_ACCOUNT).decode())
