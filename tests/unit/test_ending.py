"""Tasks are ended, also those that missed a cancellation."""

from __future__ import annotations

import asyncio

import pytest

from cift.core.ending import end


async def test_a_task_that_missed_its_cancellation_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cift.core.ending.AGAIN_S", 0.01)
    missed = asyncio.Event()

    async def works_for_ever() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            missed.set()  # as wait_for does where its result came at the same moment
        await asyncio.sleep(3600)

    task = asyncio.create_task(works_for_ever())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await end(task)
    assert missed.is_set()
    assert task.cancelled()


async def test_what_tasks_end_with_is_left_to_who_asks() -> None:
    async def fails() -> None:
        raise ValueError("as it must")

    done, failed = asyncio.create_task(asyncio.sleep(0, "result")), asyncio.create_task(fails())
    await asyncio.wait((done, failed))
    await end(done, failed)
    assert done.result() == "result"
    with pytest.raises(ValueError, match="as it must"):
        failed.result()


async def test_cleaning_up_is_waited_for() -> None:
    tidy = False

    async def works() -> None:
        nonlocal tidy
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.05)
            tidy = True

    task = asyncio.create_task(works())
    await asyncio.sleep(0)
    await end(task)
    assert tidy
