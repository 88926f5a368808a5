"""A NATS user's key: an Ed25519 pair, written as NATS writes it.

Encoding: https://github.com/nats-io/nkeys, base32 of a prefix of one byte (public) or two (seed), 32 bytes, and their
CRC-16/XMODEM, least byte first. The library `nkeys` would do it, but it has no wheel, and hosts install nothing else.
"""

from __future__ import annotations

import base64
import binascii

from nacl.signing import SigningKey

_USER = 20 << 3
_SEED = bytes([18 << 3 | _USER >> 5, (_USER & 31) << 3])


class UserKey:
    """What a user signs a server's nonce with."""

    def __init__(self, seed: str) -> None:
        """Read a seed (`SU` and 56 more letters and digits).

        Raises:
            ValueError: it is no user's seed, or its checksum is wrong.
        """
        body = base64.b32decode(seed + "=" * (-len(seed) % 8))[:-2]
        # The same bytes must give the same seed: its last letter has bits that no byte is made of.
        if len(body) != len(_SEED) + 32 or not body.startswith(_SEED) or _text(body) != seed:
            raise ValueError("expected a user's seed with its checksum")
        self._key = SigningKey(body[len(_SEED) :])

    @property
    def public(self) -> str:
        """The key that servers know the user by (`U` and 55 more letters and digits)."""
        body = bytes([_USER]) + bytes(self._key.verify_key)
        return _text(body)

    def sign(self, nonce: str) -> bytes:
        """Return the signature of a nonce in base64."""
        return base64.b64encode(self._key.sign(nonce.encode()).signature)


def _text(body: bytes) -> str:
    return base64.b32encode(body + binascii.crc_hqx(body, 0).to_bytes(2, "little")).rstrip(b"=").decode()
