"""Keep modules that Python compiles out of zips, by their source's digest: the machine's own, no part of a host.

Ansible sends its modules as a zip of sources. Python compiles them anew at each run, which takes an emulated CPU two
seconds of the five that a task lasts.
"""

from __future__ import annotations

import marshal
import os
import sys
import zipimport
from _blake2 import blake2b  # hashlib would load OpenSSL
from collections.abc import Callable
from types import CodeType

FOLDER = "/var/cache/cift-compiled"
compile_source: Callable[[str, bytes], CodeType] = vars(zipimport)["_compile_source"]


def remembered(path: str, source: bytes) -> CodeType:
    """What zipimport would compile; read from the folder if it was compiled before."""
    kept = f"{FOLDER}/{sys.hexversion:x}-{blake2b(source, digest_size=16).hexdigest()}"
    try:
        with open(kept, "rb") as file:
            code: CodeType = marshal.loads(file.read())
            return code
    except (OSError, ValueError, EOFError, TypeError):
        code = compile_source(path, source)
    try:
        os.makedirs(FOLDER, exist_ok=True)
        draft = f"{kept}.{os.getpid()}"
        with open(draft, "wb") as new:
            new.write(marshal.dumps(code))
        os.replace(draft, kept)
    except OSError:
        pass  # a disk that is full or not yet writable: the next run keeps it
    return code


vars(zipimport)["_compile_source"] = remembered
