"""The engine and the recorder as real processes, started as systemd would start them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType


class Service:
    """`async with Service("engine", environment, folder)`: started and ready inside, gone outside."""

    def __init__(self, name: str, environment: dict[str, str], folder: Path) -> None:
        self.name, self.environment = name, environment
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", f"cift.services.{self.name}", "--metrics-port", "0"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env={**os.environ, **self.environment}, stdout=log, stderr=log)

    def text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    async def run(self) -> None:
        """Start and wait until this start's log says that it is ready."""
        times = self.text().count(" ready")
        self.start()
        await self._ready(times)

    async def _ready(self, times: int, within_s: float = 30.0) -> None:
        assert self.process is not None
        for _ in range(int(within_s * 50)):
            if self.text().count(" ready") > times:
                return
            assert self.process.poll() is None, self.text()
            await asyncio.sleep(0.02)
        raise AssertionError(f"{self.name} is not ready after {within_s} s: {self.text()}")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    async def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 30)

    def states(self) -> list[str]:
        """The engine's state hashes as logged when it became ready and when it stopped."""
        return re.findall(r"state ([0-9a-f]{16})", self.text())

    async def __aenter__(self) -> Service:
        await self.run()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
