"""The API's certificate, renewed without a restart: whoever connects gets the one that is in the files by then."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from pathlib import Path

from uvicorn import Config

_log = logging.getLogger("uvicorn.error")


def renewable(config: Config, make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Return a context for uvicorn's `ssl_context_factory`, which looks at both files before each handshake.

    A file that is damaged, or only half of a new pair, is passed over with a warning: the last good pair serves on.
    """
    files = [Path(str(path)) for path in (config.ssl_certfile, config.ssl_keyfile) if path]

    def stamp() -> list[tuple[int, int]]:
        seen = [path.stat() if path.exists() else None for path in files]
        return [(found.st_mtime_ns, found.st_ino) if found else (0, 0) for found in seen]

    listening = serving = make()
    read = tried = stamp()

    def newest(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        nonlocal serving, read, tried
        now = stamp()
        if now not in (read, tried):
            tried = now
            try:
                serving, read = make(), now
                _log.info("serving the certificate that %s holds now", files[0])
            except OSError as error:  # ssl.SSLError is one
                _log.warning("%s: not a usable certificate (%s); serving the one from before", files[0], error)
        connection.context = serving

    # Called for every handshake, with or without a name.
    listening.sni_callback = newest
    return listening
