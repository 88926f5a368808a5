"""Sandbox hosts: real systemd hosts on one Linux machine, for trying out and for proving the roles."""

from cift.ops.sandbox.errors import RefusedError, SandboxError
from cift.ops.sandbox.lab import HostStatus, Lab

__all__ = ["HostStatus", "Lab", "RefusedError", "SandboxError"]
