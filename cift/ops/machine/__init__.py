"""Virtual machines with a kernel of their own: what a sandbox host can't show, such as a kernel's command line."""

from cift.ops.machine.rack import Rack

__all__ = ["Rack"]
