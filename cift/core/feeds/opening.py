"""The source that settings ask for."""

from __future__ import annotations

import re
import time
from pathlib import Path

from cift.core.config import Settings
from cift.core.feeds.binance_file import BinanceSource
from cift.core.feeds.binance_live import BinanceLive
from cift.core.feeds.csv_file import CsvSource
from cift.core.feeds.files import midnight
from cift.core.feeds.generated import GeneratedSource
from cift.core.feeds.itch import ItchSource
from cift.core.feeds.lobster import LobsterSource
from cift.core.feeds.source import FeedError, Source
from cift.core.feeds.symbols import check_symbol

# LOBSTER's names: AAPL_2012-06-21_34200000_57600000_message_10.csv
_DAY = re.compile(r"_(\d{4}-\d{2}-\d{2})_")


def open_source(settings: Settings) -> Source:
    """Return the source of CIFT_FEED_SOURCE, not read yet.

    Raises:
        FeedError: a setting that the source needs is missing or wrong; the message names it.
        TlsError: the file of CIFT_FEED_CA can't be used.
    """
    symbols = tuple(part.strip() for part in settings.feed_symbols.split(",") if part.strip())
    try:
        for symbol in symbols:
            check_symbol(symbol)
    except ValueError as error:
        raise FeedError(f"CIFT_FEED_SYMBOLS: {error}") from None
    run = settings.feed_run
    match settings.feed_source:
        case "zero_intelligence" | "hawkes" as arrivals:
            # What has no end can't go on where it was: it begins anew, as something else.
            run = run if settings.feed_events else f"{run}-{time.time_ns()}"
            return GeneratedSource(
                symbols, arrivals=arrivals, seed=settings.feed_seed, rate=settings.feed_rate,
                events=settings.feed_events, run=run,
            )  # fmt: skip
        case "binance_live":
            return BinanceLive(
                symbols, stream_url=settings.feed_stream_url, snapshot_url=settings.feed_snapshot_url,
                ca=settings.feed_ca,
            )  # fmt: skip
        case "":
            raise FeedError("CIFT_FEED_SOURCE: found nothing, expected what to play, such as hawkes")
    if not settings.feed_path:
        raise FeedError(f"CIFT_FEED_PATH: found nothing, expected a file for source {settings.feed_source}")
    path = Path(settings.feed_path)
    day = settings.feed_date
    if not day and (named := _DAY.search(path.name)):
        day = named[1]
    if not day and settings.feed_clock == "source" and settings.feed_source in ("lobster", "itch"):
        raise FeedError("CIFT_FEED_DATE: found nothing, expected the day of the file for CIFT_FEED_CLOCK=source")
    begins = midnight(day, settings.feed_zone)
    match settings.feed_source:
        case "lobster":
            if len(symbols) != 1:
                raise FeedError(f"CIFT_FEED_SYMBOLS: found {len(symbols)} symbols, expected the one of the file")
            return LobsterSource(path, symbols[0], midnight_ns=begins, run=run)
        case "itch":
            return ItchSource(path, symbols, midnight_ns=begins, run=run)
        case "binance":
            return BinanceSource(path, symbols, run=run)
        case "csv":
            return CsvSource(path, run=run)
