"""Market data from elsewhere: recorded files, generated order flow and exchanges, as one kind of source."""

from cift.core.feeds.source import Change, FeedError, FileSource, LiveSource, Source, Traded

__all__ = ["Change", "FeedError", "FileSource", "LiveSource", "Source", "Traded"]
