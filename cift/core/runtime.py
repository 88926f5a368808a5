"""What every service program does around its work: event loop, log, signals, metrics, one sentence on failure."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import gc
import logging
import signal
from collections.abc import Awaitable, Callable

import uvloop
from prometheus_client import start_http_server
from pydantic import ValidationError

from cift.core import logs, tracing
from cift.core.config import Settings
from cift.core.notify import keep_alive, stopping

log = logging.getLogger(__name__)


class ServiceError(RuntimeError):
    """The service cannot go on; the message is one sentence for the operator."""

    status = 1


class InputError(ServiceError):
    """What the service was given can't be right: another start would fail as well."""

    status = 2


def calm_collector() -> None:
    """Have the garbage collector leave alone what lives by now, and look at the rest seldom.

    For a program that makes no cycles: a full look at some million objects is a pause of tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


_stuck: list[Callable[[], bool]] = []


def watch(is_stuck: Callable[[], bool]) -> None:
    """Have systemd end and restart this service once `is_stuck` says so for as long as its WatchdogSec.

    For what another start mends: a system that is away is none of it.
    """
    _stuck.append(is_stuck)


class Standstill:
    """Says when called whether there is something to do, and the position is still that of the call before."""

    def __init__(self, position: Callable[[], int], to_do: Callable[[], bool]) -> None:
        self._position, self._to_do = position, to_do
        self._before = -1

    def __call__(self) -> bool:
        """Return whether nothing has moved since the last call."""
        before, self._before = self._before, self._position()
        return self._to_do() and self._before == before


Work = Callable[[Settings, asyncio.Event], Awaitable[None]]
Options = Callable[[argparse.ArgumentParser], None]


def run(name: str, purpose: str, metrics_port: int, work: Work, options: Options | None = None) -> int:
    """Parse the command line, do `work(settings, stop)` until it ends, and return the exit status.

    SIGTERM and SIGINT set `stop`; `work` then finishes what it has in hand. Status 2 means bad settings or input, 1 any
    other failure, each with one line on standard error. `options` adds arguments whose destinations are fields of
    `Settings`: one that is given takes the place of the environment's.
    """
    parser = argparse.ArgumentParser(prog=f"python -m cift.services.{name}", description=purpose)
    parser.add_argument(
        "--metrics-port", type=int, default=metrics_port, help="Prometheus metrics on 127.0.0.1; 0: none (%(default)s)"
    )
    if options is not None:
        options(parser)
    arguments = parser.parse_args()
    fields = Settings.model_fields
    given = {str(fields[k].alias): v for k, v in vars(arguments).items() if k in fields and v is not None}
    logs.configure(name)
    try:
        settings = Settings(**given)
    except ValidationError as error:
        for problem in error.errors():
            logs.complain(name, f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}")
        return 2
    logs.configure(name, form=settings.log_format, level=settings.log_level)
    try:
        tracing.start(name, settings)
        if arguments.metrics_port:
            start_http_server(arguments.metrics_port, "127.0.0.1")
    except tracing.TracingError as error:
        logs.complain(name, error)
        return 2
    except OSError as error:
        logs.complain(name, f"metrics port 127.0.0.1:{arguments.metrics_port}: {error.strerror}")
        return 2

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        alive = asyncio.create_task(keep_alive(lambda: any(is_stuck() for is_stuck in _stuck)))
        try:
            await work(settings, stop)
        finally:
            alive.cancel()
        stopping()

    # What systemd's watchdog ends (SIGABRT) says where it hung.
    faulthandler.enable()
    try:
        uvloop.run(main())
    except (ServiceError, ConnectionError) as error:
        logs.complain(name, error)
        return error.status if isinstance(error, ServiceError) else 1
    finally:
        tracing.stop()
    return 0
