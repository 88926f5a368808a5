"""How tasks are ended."""

from __future__ import annotations

import asyncio
from typing import Any

# Cleaning up takes less; it is not cut short by the next attempt.
AGAIN_S = 2.0


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks, and return when they are over, whatever they end with.

    Once is not enough. Before Python 3.12 `asyncio.wait_for`, which nats-py waits by, swallows a cancellation that
    comes together with what it waits for: a task that works for ever then goes on for ever.
    """
    going = {task for task in tasks if not task.done()}
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
