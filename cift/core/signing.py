"""Requests that a key signs instead of travelling with them: HMAC-SHA256 over all that the request asks for.

A client and the API both come to the secret from the key; the API stores it, and neither sends it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

PURPOSE = b"cift request signing 1"
KEY, TIMESTAMP, NONCE, SIGNATURE = "CIFT-Key", "CIFT-Timestamp", "CIFT-Nonce", "CIFT-Signature"


def key_id(key: str) -> str:
    """Return what a key is named by: its SHA-256 in hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def signing_secret(key: str) -> bytes:
    """Return what a key signs with; the key can't be had from it."""
    return hmac.digest(key.encode(), PURPOSE, "sha256")


def signature(secret: bytes, timestamp: str, nonce: str, method: str, path: str, query: str, body: bytes) -> str:
    """Return the signature in hex, over these joined by line feeds, the body by its SHA-256 in hex.

    `timestamp` is in milliseconds since 1970 (UTC); `path` and `query` are as sent, escapes and all, `query` without
    its question mark.
    """
    text = "\n".join((timestamp, nonce, method, path, query, hashlib.sha256(body).hexdigest()))
    return hmac.digest(secret, text.encode(), "sha256").hex()


def signed_headers(key: str, method: str, path: str, query: str = "", body: bytes = b"") -> dict[str, str]:
    """Return the headers that sign one request, now."""
    timestamp, nonce = str(time.time_ns() // 1_000_000), secrets.token_urlsafe(16)
    signed = signature(signing_secret(key), timestamp, nonce, method, path, query, body)
    return {KEY: key_id(key), TIMESTAMP: timestamp, NONCE: nonce, SIGNATURE: signed}
