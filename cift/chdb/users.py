"""Who may sign in: names and sha256 hashes of passwords, from a JSON file that the operator writes.

A user has two hashes while the password is being changed: either is taken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cift.chdb.errors import EngineError

_HASH = re.compile(r"[0-9a-f]{64}")


class UsersError(Exception):
    """The file of users can't be used; the message is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in; `readonly` users may not change anything."""

    name: str
    password_sha256_hex: tuple[str, ...]
    readonly: bool = False


def load_users(path: Path) -> dict[str, User]:
    """Read `{"<name>": {"password_sha256_hex": "<64 hex digits>", "readonly": false}, ...}`.

    Instead of one hash there may be a list of them.
    """
    example = '{"cift": {"password_sha256_hex": "<64 hex digits>", "readonly": false}}'
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsersError(f"{path}: {error.strerror}; expected a JSON file like {example}") from None
    except ValueError as error:
        raise UsersError(f"{path}: not JSON ({error}); expected {example}") from None
    if not isinstance(content, dict) or not content:
        raise UsersError(f"{path}: found no users, expected {example}")
    return {name: _user(path, name, entry) for name, entry in content.items()}


def _user(path: Path, name: str, entry: object) -> User:
    if not isinstance(entry, dict) or not set(entry) <= {"password_sha256_hex", "readonly"}:
        raise UsersError(f"{path}: user {name!r}: expected the fields password_sha256_hex and readonly, nothing else")
    found: Any = entry.get("password_sha256_hex")
    readonly = entry.get("readonly", False)
    hashes = found if isinstance(found, list) else [found]
    if not hashes or not all(isinstance(one, str) and _HASH.fullmatch(one) for one in hashes):
        raise UsersError(f"{path}: user {name!r}: password_sha256_hex: expected 64 lower-case hex digits")
    if not isinstance(readonly, bool):
        raise UsersError(f"{path}: user {name!r}: readonly: found {readonly!r}, expected true or false")
    return User(name, tuple(hashes), readonly)


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        if not colon:
            raise ValueError
    except (ValueError, binascii.Error):
        raise EngineError.of(516, "Authentication failed: Authorization has to be Basic with user:password") from None
    return name, password


def authenticate(users: Mapping[str, User], headers: Mapping[str, str], params: Mapping[str, str]) -> User | None:
    """Return who signs in, by Basic, by X-ClickHouse-User and -Key, or by `user` and `password` in the URL.

    Returns None when nobody tries to.

    Raises:
        EngineError: 516, without saying whether the name or the password is wrong.
    """
    if header := headers.get("authorization"):
        name, password = _basic(header)
    elif "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        name, password = headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
    elif "user" in params or "password" in params:
        name, password = params.get("user", "default"), params.get("password", "")
    else:
        return None
    user = users.get(name)
    expected = user.password_sha256_hex if user else ("0" * 64,)
    shown = hashlib.sha256(password.encode()).hexdigest()
    matches = [hmac.compare_digest(shown, one) for one in expected]
    if user is None or not any(matches):
        raise EngineError.of(
            516, f"{name}: Authentication failed: password is incorrect, or there is no user with such name"
        )
    return user
