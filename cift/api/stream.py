"""GET /api/v1/stream, as a WebSocket: books, trades and own orders; cift/api/live has what happens on it."""

from __future__ import annotations

from fastapi import APIRouter, WebSocket

from cift.api.auth import Reader, allowed
from cift.api.live.connection import Connection, CutOff
from cift.api.live.protocol import CUT_OFF
from cift.api.live.sign_in import first_message
from cift.api.metrics import STREAM_CONNECTIONS
from cift.api.problems import Problem, described

router = APIRouter(prefix="/api/v1", tags=["market data"])
# A worker that was killed had no time to count down.
STREAM_CONNECTIONS.set(0)


@router.get("/stream", status_code=426, responses=described(401, 403, 426))
async def upgrade(reader: Reader) -> None:
    """Connect here as a WebSocket for books, trades and the account's own orders as they happen."""
    detail = "Connect to this address as a WebSocket"
    raise Problem(426, "upgrade_required", "A WebSocket", detail, headers={"Upgrade": "websocket"})


@router.websocket("/stream")
async def stream(websocket: WebSocket) -> None:
    """Serve one client whose key may read."""
    state, backend = websocket.state, websocket.app.state.backend
    cut_off: CutOff = websocket.scope["extensions"][CUT_OFF]
    browser = not hasattr(state, "principal")
    with STREAM_CONNECTIONS.track_inprogress():
        try:
            if browser:
                await websocket.accept()
                state.principal = await first_message(websocket, backend.reference)
            allowed(state.principal, "read")
            async with backend.seats.one(state.principal.account_id):
                if not browser:
                    await websocket.accept()
                await Connection(websocket, cut_off, state.principal, backend).serve()
        except Problem as problem:
            if browser:
                return cut_off(1008, problem.code)
            await websocket.send_denial_response(problem.response())
