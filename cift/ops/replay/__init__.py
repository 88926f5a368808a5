"""Play order flow against a book: the core's in this process, or a deployed one through the API."""

from cift.ops.replay.result import ReplayResult
from cift.ops.replay.run import replay_file, replay_generated
from cift.ops.replay.target import ReplayError

__all__ = ["ReplayError", "ReplayResult", "replay_file", "replay_generated"]
