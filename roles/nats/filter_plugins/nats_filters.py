"""Filters for the message server's configuration."""

from __future__ import annotations

from collections.abc import Callable

import nkeys
from ansible.errors import AnsibleFilterError


def nats_public_key(key: str) -> str:
    """Return the public half of a user's seed; a public key stays what it is."""
    if key.startswith("U") and len(key) == 56:
        return key
    try:
        prefix, raw = nkeys.decode_seed(key.encode())
        # nkeys 0.2 doesn't look at the checksum: the same bytes must give the same seed.
        if prefix != nkeys.PREFIX_BYTE_USER or nkeys.encode_seed(raw, prefix).decode() != key:
            raise ValueError
        return str(nkeys.from_seed(key.encode()).public_key.decode())
    except (nkeys.NkeysError, ValueError, IndexError):
        raise AnsibleFilterError(
            f"a key of nats_keys has {len(key)} characters and is neither a user's seed (SU and 56 more, with its "
            "checksum) nor a public key (U and 55 more)"
        ) from None


def nats_fill(pair: tuple[str, str]) -> str:
    """Return a pattern such as `$JS.ACK.<stream>.>` with the stream's name filled in."""
    stream, pattern = pair
    return pattern.replace("<stream>", stream)


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filters by name."""
        return {"nats_public_key": nats_public_key, "nats_fill": nats_fill}
