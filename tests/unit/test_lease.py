"""Whose lease may be taken at once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from cift.core.lease import is_gone, this_process


def test_only_a_process_of_this_host_is_known_to_be_gone() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_gone(f"{socket.gethostname()}:{ended.pid}")
    assert not is_gone(this_process())
    assert not is_gone(f"{socket.gethostname()}:1")
    for strange in (f"elsewhere:{ended.pid}", "", ":", f"{socket.gethostname()}:x", str(os.getpid())):
        assert not is_gone(strange)
