"""Filters for the message server's configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import bcrypt
from ansible.errors import AnsibleFilterError


def nats_bcrypt(password: str) -> str:
    """Return the password's bcrypt hash in the form that nats-server knows, the same one on every run.

    The salt comes from the password, so that a second run changes nothing, and the cost is the lowest one: both are
    sound only for long random passwords (190 bits here), for which nobody has a table and nobody tries all. A dear hash
    would only make every connection slow.
    """
    if len(password) < 20:
        raise AnsibleFilterError(
            f"a password of nats_passwords has {len(password)} characters, expected 20 random ones or more"
        )
    seed = hashlib.sha256(b"nats " + password.encode()).digest()[:16]
    alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    bits = int.from_bytes(seed, "big") << 4  # 128 bits make 22 characters of 6
    salt = "".join(alphabet[bits >> shift & 63] for shift in range(126, -1, -6))
    return bcrypt.hashpw(password.encode(), f"$2a$04${salt}".encode()).decode()


def nats_fill(pair: tuple[str, str]) -> str:
    """Return a pattern such as `$JS.ACK.<stream>.>` with the stream's name filled in."""
    stream, pattern = pair
    return pattern.replace("<stream>", stream)


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filters by name."""
        return {"nats_bcrypt": nats_bcrypt, "nats_fill": nats_fill}
