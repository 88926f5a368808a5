"""The services work where the kernel lets no memory be written and executed, as their units have it."""

from __future__ import annotations

import os
from pathlib import Path

from tests.servers.stack import Stack

# Python runs it before anything else. The kernel keeps the rule over exec; the last line sees that it holds.
RULE = """
import ctypes, mmap
assert ctypes.CDLL(None, use_errno=True).prctl(65, 1, 0, 0, 0) == 0, "PR_SET_MDWE (Linux 6.3)"
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    pass
else:
    raise SystemExit("memory can be written and executed")
"""


async def test_no_service_writes_code(trading_stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(RULE)
    parts = (trading_stack.engine, trading_stack.recorder, trading_stack.api)
    own = {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}", "POLARS_SKIP_CPU_CHECK": "1"}
    for part in parts:
        part.stop()
        part.environment = part.environment | own
        part.start()
    await trading_stack.healthy(60)
    async with trading_stack.api.client() as client:
        for side in ("sell", "buy"):
            order = {"symbol": "AAPL", "side": side, "order_type": "limit", "quantity": 5, "price": 187.25}
            answer = await client.post("/api/v1/orders", json=order)
            assert answer.status_code == 201, answer.text
        assert (await client.get("/api/v1/book/AAPL")).status_code == 200
        assert (await client.get("/api/v1/bars/AAPL")).status_code in (200, 422)
    assert trading_stack.recorder.stop() == 0  # with its rows stored
    trading_stack.recorder.start()
    await trading_stack.healthy(60)
