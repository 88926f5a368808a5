"""`python -m cift.api`: one worker of the HTTP API. A host runs several behind the socket that systemd gives them."""

from __future__ import annotations

import faulthandler
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from cift.api.certificate import renewable
from cift.api.live.protocol import MAX_FRAME, LiveProtocol
from cift.api.worker import Farewell, Worker, inherited
from cift.core import logs, tracing
from cift.core.config import get_settings
from cift.core.notify import WATCHDOG_SIGNS, alive, watchdog_s


def main(
    host: Annotated[str, typer.Option(help="Address to listen on, where systemd gives no socket.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    certificate: Annotated[Path | None, typer.Option(exists=True, help="Speak TLS with this certificate.")] = None,
    key: Annotated[Path | None, typer.Option(exists=True, help="The certificate's key, where it isn't in it.")] = None,
) -> None:
    """Serve the API. Everything else is read from the environment: see cift/core/config.py.

    A certificate or key that is replaced is taken by the next connection, without a restart. SIGTERM ends the worker
    once it has answered what it was asked.
    """
    if key and not certificate:
        raise typer.BadParameter("a key without --certificate", param_hint="--key")
    settings = get_settings()
    logs.configure("api", form=settings.log_format, level=settings.log_level)
    try:
        tracing.start("api", settings)
    except tracing.TracingError as error:
        logs.complain("api", error)
        sys.exit(2)
    from cift.api.main import app  # made of the settings, and of what traces it

    farewell = Farewell(app)
    config = uvicorn.Config(
        farewell,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws=LiveProtocol,
        ws_max_size=MAX_FRAME,
        ws_per_message_deflate=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=10,
        callback_notify=alive if watchdog_s() else None,
        timeout_notify=max(1, int(watchdog_s() / WATCHDOG_SIGNS)),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_context_factory=renewable if certificate else None,
    )
    worker = Worker(config, farewell)
    faulthandler.enable()  # what systemd's watchdog ends (SIGABRT) says where it hung
    sockets = inherited()
    if not sockets:
        sockets = [config.bind_socket()]
        sockets[0].listen(config.backlog)
    worker.run(sockets=sockets)
    tracing.stop()
    if not worker.started:
        sys.exit(3)


if __name__ == "__main__":
    typer.run(main)
