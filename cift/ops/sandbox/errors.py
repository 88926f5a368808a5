"""What can go wrong, in sentences: found, expected, what to do."""

from __future__ import annotations


class SandboxError(Exception):
    """Something failed while working on the lab; the message is one sentence for a person."""

    exit_status = 1


class RefusedError(SandboxError):
    """The machine or the input does not allow it, and nothing was begun."""

    exit_status = 2
