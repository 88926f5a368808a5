"""A browser's way to say whose it is: it can't send our header with a WebSocket, so its first message has the key."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket

from cift.api.auth import bearer_key, unauthorized
from cift.api.live.messages import Auth, RefusedError, decode_asked
from cift.api.reference import Principal, ReferenceCache

SIGN_IN_S = 5.0


async def first_message(websocket: WebSocket, reference: ReferenceCache) -> tuple[str, Principal]:
    """Return the key in the first message and whose it is.

    Raises:
        Problem: nobody's, or no such message within `SIGN_IN_S`.
    """
    try:
        async with asyncio.timeout(SIGN_IN_S):
            asked = decode_asked((await websocket.receive()).get("text"))
    except (TimeoutError, RefusedError):
        asked = None
    if not isinstance(asked, Auth):
        raise unauthorized("The first message must be: auth, with the key")
    key = bearer_key(b"Bearer " + asked.key.encode())
    principal = await reference.principal(key)
    if principal is None:
        raise unauthorized("No account has this key")
    return key, principal
