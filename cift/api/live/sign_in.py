"""A browser's way to say whose it is: it can't send our header with a WebSocket, so its first message has the key."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket

from cift.api.auth import bearer, unauthorized
from cift.api.live.messages import Auth, RefusedError, decode_asked
from cift.api.reference import Principal, ReferenceCache

SIGN_IN_S = 5.0


async def first_message(websocket: WebSocket, reference: ReferenceCache) -> Principal:
    """Return whose key the first message has.

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
    return await bearer(reference, b"Bearer " + asked.key.encode())
