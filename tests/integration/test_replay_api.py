"""cift replay through the API of a real stack."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from cift.ops.replay import ReplayError, ReplayResult, replay_file, replay_generated
from cift.ops.replay.api_target import ApiTarget
from tests.servers.api import KEY
from tests.servers.stack import Stack

DATA = Path(__file__).parents[3] / "shared" / "data" / "orderflow"
MESSAGES = DATA / "aapl-lobster-10-message.csv"
BOOK = DATA / "aapl-lobster-10-orderbook.csv"
QUIET = Console(quiet=True)


async def replay(stack: Stack, play: Callable[[ApiTarget], ReplayResult], key: str = KEY) -> ReplayResult:
    def run() -> ReplayResult:
        with ApiTarget("AAPL", stack.api.url, key) as target:
            return play(target)

    return await asyncio.to_thread(run)


async def test_generated_flow_fills_as_it_says_and_leaves_nothing(trading_stack: Stack) -> None:
    for _ in range(2):
        result = await replay(trading_stack, lambda target: replay_generated(300, 1, target, console=QUIET))
        assert (result.commands, result.errors, result.out_of_turn) == (300, 0, 0), result.messages
        assert result.fills > 10


@pytest.mark.skipif(not MESSAGES.exists(), reason=f"the order flow of others is not at {DATA}")
async def test_real_order_flow_differs_in_no_row_that_the_messages_can_tell(trading_stack: Stack) -> None:
    result = await replay(trading_stack, lambda target: replay_file(MESSAGES, target, compare=BOOK, console=QUIET))
    assert (result.rows, result.told, result.differing) == (999, 681, 0)
    assert (result.errors, result.out_of_turn) == (0, 0), result.messages


async def test_a_book_in_use_is_refused_and_can_be_cleared(trading_stack: Stack) -> None:
    async with trading_stack.api.client() as client:
        order = {"symbol": "AAPL", "side": "buy", "order_type": "limit", "price": 10.0, "quantity": 5}
        assert (await client.post("/api/v1/orders", json=order)).status_code == 201
    with pytest.raises(ReplayError, match=r"the book is not empty \(bid 5 at 10\)"):
        await replay(trading_stack, lambda target: replay_generated(50, 1, target, console=QUIET))

    def cleared(target: ApiTarget) -> ReplayResult:
        target.clear()
        return replay_generated(50, 1, target, console=QUIET)

    assert (await replay(trading_stack, cleared)).good


async def test_a_wrong_key_is_one_sentence(trading_stack: Stack) -> None:
    with pytest.raises(ReplayError, match="401"):
        await replay(trading_stack, lambda target: replay_generated(5, 1, target, console=QUIET), key="wrong")
