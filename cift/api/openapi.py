"""The OpenAPI document, with what FastAPI can't say by itself: a request may be signed instead of bearing its key."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from cift.core.signing import KEY, NONCE, SIGNATURE, TIMESTAMP

_HEADERS = {
    KEY: "The key's id: its SHA-256 in hex.",
    TIMESTAMP: "Milliseconds since 1970 (UTC), within the server's window (5 s unless it is set otherwise).",
    NONCE: "16 to 64 letters, digits, - and _, never used before by this key.",
    SIGNATURE: (
        "HMAC-SHA256 in hex of timestamp, nonce, method, path, query without its question mark, and the body's SHA-256 "
        "in hex, joined by line feeds; under HMAC-SHA256 of `cift request signing 1` under the key."
    ),
}


def describe(app: FastAPI) -> None:
    """Make `app.openapi` say so wherever a key is needed."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        description = plain()
        schemes = description["components"]["securitySchemes"]
        for name, what in _HEADERS.items():
            schemes[name] = {"type": "apiKey", "in": "header", "name": name, "description": what}
        for path in description["paths"].values():
            for operation in path.values():
                if "security" in operation:
                    operation["security"].append({name: [] for name in _HEADERS})
        return description

    app.openapi = openapi  # type: ignore[method-assign]
