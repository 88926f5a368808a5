"""Settings of every CIFT program, read from the environment.

The names are the migration guide's (`CLICKHOUSE_HOST`, `NATS_URL`, ...); newer ones start with `CIFT_`. On a host they
come from `/etc/cift/cift.env` and, for secrets, from one environment file per service that root alone can read.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cift.core.logs import LogFormat, LogLevel
from cift.core.shards import MOST_SHARDS, Shard


class Settings(BaseSettings):
    """Where each system is and how to sign in. Every field has its environment variable as alias."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True, hide_input_in_errors=True)

    # Lines of the log: a JSON object each, or words; empty: JSON into systemd's journal, words on a terminal. At level
    # debug each request, command and fill has its line, with the correlation id that they share.
    log_format: LogFormat = Field("", alias="CIFT_LOG_FORMAT")
    log_level: LogLevel = Field("info", alias="CIFT_LOG_LEVEL")
    # Where an OpenTelemetry collector takes OTLP over HTTP (http://127.0.0.1:4318), empty: no traces; and which part of
    # the requests is traced whose caller doesn't say.
    otlp_endpoint: str = Field("", alias="CIFT_OTLP_ENDPOINT", pattern=r"^(https?://\S+)?$")
    otlp_sample: float = Field(0.01, alias="CIFT_OTLP_SAMPLE", ge=0, le=1)

    # All servers of the cluster, comma separated: a client that loses one goes to another. tls:// insists on TLS.
    nats_url: str = Field("nats://127.0.0.1:4222", alias="NATS_URL")
    # The seed of the service's own key; the server knows the public half alone. Empty: a server without users.
    nats_seed: SecretStr = Field(SecretStr(""), alias="NATS_NKEY_SEED")
    # The authority that signed the servers' certificates, a file; it insists on TLS as tls:// does.
    nats_ca: str = Field("", alias="CIFT_NATS_CA")
    # The client's own certificate and key, files, for servers that ask for one.
    nats_certificate: str = Field("", alias="CIFT_NATS_CERTIFICATE")
    nats_key: str = Field("", alias="CIFT_NATS_KEY")
    # What engine and feed write on EVENTS and MARKET_DATA; all read both. Releases from before there was a choice read
    # JSON alone: who goes back to one writes JSON first, until the recorder has stored what was written before.
    stream_format: Literal["capnp", "json"] = Field("capnp", alias="CIFT_STREAM_FORMAT")
    # Copies of each stream, on as many servers.
    nats_replicas: int = Field(1, alias="CIFT_NATS_REPLICAS", ge=1, le=5)
    # Who reads and writes NATS' protocol: cift_core, or nats-py itself, for comparison.
    nats_codec: Literal["rust", "python"] = Field("rust", alias="CIFT_NATS_CODEC")

    clickhouse_host: str = Field("127.0.0.1", alias="CLICKHOUSE_HOST")
    clickhouse_port: int = Field(8123, alias="CLICKHOUSE_PORT")
    clickhouse_db: str = Field("cift_analytics", alias="CLICKHOUSE_DB")
    # The authority that signed the server's certificate, a file; empty: the port is without TLS.
    clickhouse_ca: str = Field("", alias="CLICKHOUSE_CA")
    # The cluster whose hosts all get the tables, as `remote_servers` calls it; empty: one server.
    clickhouse_cluster: str = Field("", alias="CLICKHOUSE_CLUSTER", pattern=r"^\w*$")
    clickhouse_user: str = Field("cift", alias="CLICKHOUSE_USER")
    clickhouse_password: SecretStr = Field(SecretStr(""), alias="CLICKHOUSE_PASSWORD")

    # Whether the recorder also feeds QuestDB, and where it is; its HTTP port has no TLS.
    questdb_enabled: bool = Field(False, alias="CIFT_QUESTDB_ENABLED")
    questdb_host: str = Field("127.0.0.1", alias="QUESTDB_HOST")
    questdb_http_port: int = Field(9000, alias="QUESTDB_HTTP_PORT")
    questdb_user: str = Field("cift", alias="QUESTDB_USER")
    questdb_password: SecretStr = Field(SecretStr(""), alias="QUESTDB_PASSWORD")

    cache_host: str = Field(
        "127.0.0.1", validation_alias=AliasChoices("CACHE_HOST", "DRAGONFLY_HOST", "REDIS_HOST", "cache_host")
    )
    cache_port: int = Field(
        6379, validation_alias=AliasChoices("CACHE_PORT", "DRAGONFLY_PORT", "REDIS_PORT", "cache_port")
    )
    # The authority that signed the server's certificate, a file; empty: the port is without TLS.
    cache_ca: str = Field("", alias="CACHE_CA")
    cache_user: str = Field("", alias="CACHE_USER")
    cache_password: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("CACHE_PASSWORD", "REDIS_PASSWORD", "cache_password")
    )

    database_host: str = Field("127.0.0.1", alias="DATABASE_HOST")
    database_port: int = Field(5432, alias="DATABASE_PORT")
    database_name: str = Field("cift", alias="DATABASE_NAME")
    # As CACHE_CA. The certificate must be for the name or address in DATABASE_HOST (verify-full).
    database_ca: str = Field("", alias="DATABASE_CA")
    database_user: str = Field("cift", alias="DATABASE_USER")
    database_password: SecretStr = Field(SecretStr(""), alias="DATABASE_PASSWORD")
    # The password before it, while it is being changed: PostgreSQL takes one, and changes over when all have both.
    database_previous_password: SecretStr = Field(SecretStr(""), alias="DATABASE_PREVIOUS_PASSWORD")

    api_url: str = Field("https://127.0.0.1:8000", alias="CIFT_API_URL")
    api_key: SecretStr = Field(SecretStr(""), alias="CIFT_API_KEY")
    api_ca: str = Field("", alias="CIFT_API_CA")
    order_timeout_s: float = Field(2.0, alias="CIFT_ORDER_TIMEOUT_S", gt=0)
    # How far a signed request's time may be from ours.
    signature_window_s: float = Field(5.0, alias="CIFT_SIGNATURE_WINDOW_S", gt=0, le=300)
    # Requests a second of one key, orders of a batch each counted, and how many at once after a pause.
    rate_limit: float = Field(10_000.0, alias="CIFT_RATE_LIMIT", gt=0)
    rate_burst: int = Field(10_000, alias="CIFT_RATE_BURST", ge=1)
    # WebSockets that one account may have open.
    stream_connections: int = Field(100, alias="CIFT_STREAM_CONNECTIONS", ge=1)
    # A worker of the API answers 503 to another order while so many of its commands wait for the engine, or while the
    # engine is so many commands behind the journal.
    api_max_in_flight: int = Field(1_000, alias="CIFT_API_MAX_IN_FLIGHT", gt=0)
    api_max_lag: int = Field(10_000, alias="CIFT_API_MAX_LAG", gt=0)
    max_body_bytes: int = Field(65_536, alias="CIFT_MAX_BODY_BYTES", gt=0)

    # How many engines share the instruments, of all who ask them; and an engine's own number among them, from 0.
    engine_shards: int = Field(1, alias="CIFT_ENGINE_SHARDS", ge=1, le=MOST_SHARDS)
    engine_shard: int = Field(0, alias="CIFT_ENGINE_SHARD", ge=0, lt=MOST_SHARDS)
    # Who decides plain orders and cancels: cift_core, or Python as all other commands, for comparison.
    engine_decider: Literal["core", "python"] = Field("core", alias="CIFT_ENGINE_DECIDER")
    # Commands between two of the engine's snapshots.
    engine_snapshot_every: int = Field(100_000, alias="CIFT_ENGINE_SNAPSHOT_EVERY", gt=0)

    # Seconds between two rows of a book that changes in order_book_snapshots (0: none), and the currency of accounts.
    recorder_book_s: float = Field(1.0, alias="CIFT_RECORDER_BOOK_S", ge=0, le=3600)
    # Seconds from one insert into a table to the next, while there is something new all the time.
    recorder_pace_s: float = Field(0.5, alias="CIFT_RECORDER_PACE_S", ge=0, le=60)
    account_currency: str = Field("USD", alias="CIFT_ACCOUNT_CURRENCY", pattern=r"^[A-Z]{3}$")

    # What the feed plays onto MARKET_DATA; empty: nothing. `python -m cift.services.feed --help` says more of each.
    feed_source: Literal["", "lobster", "itch", "binance", "csv", "zero_intelligence", "hawkes", "binance_live"] = (
        Field("", alias="CIFT_FEED_SOURCE")
    )
    feed_path: str = Field("", alias="CIFT_FEED_PATH")
    # Comma separated; a LOBSTER file has one, an empty list means all of the other files' symbols.
    feed_symbols: str = Field("", alias="CIFT_FEED_SYMBOLS")
    # Put before each symbol: a feed must not speak in the name of an instrument that the engine trades.
    feed_prefix: str = Field("", alias="CIFT_FEED_PREFIX", pattern=r"^([A-Z0-9][A-Z0-9_-]{0,15})?$")
    # The day of files that count from midnight, and the zone of that midnight.
    feed_date: str = Field("", alias="CIFT_FEED_DATE")
    feed_zone: str = Field("America/New_York", alias="CIFT_FEED_ZONE")
    # Times as fast as it was; 0: as fast as it goes.
    feed_speed: float = Field(1.0, alias="CIFT_FEED_SPEED", ge=0, allow_inf_nan=False)
    # Whether messages have the time at which they are published, or the source's own.
    feed_clock: Literal["now", "source"] = Field("now", alias="CIFT_FEED_CLOCK")
    # Another word plays the same source once more.
    feed_run: str = Field("1", alias="CIFT_FEED_RUN", pattern=r"^[A-Za-z0-9_-]{1,32}$")
    # Whether the feed waits to be stopped when its source is over, instead of ending.
    feed_stay: bool = Field(False, alias="CIFT_FEED_STAY")
    # Of generated flow: its seed, arrivals a second of each symbol, and how many events (0: without end).
    feed_seed: int = Field(1, alias="CIFT_FEED_SEED")
    feed_rate: float = Field(1000.0, alias="CIFT_FEED_RATE", gt=0, le=1e6)
    feed_events: int = Field(0, alias="CIFT_FEED_EVENTS", ge=0)
    # Levels of a book, and the least milliseconds between two of them (0: one for each change).
    feed_levels: int = Field(10, alias="CIFT_FEED_LEVELS", ge=1, le=1000)
    feed_book_ms: int = Field(100, alias="CIFT_FEED_BOOK_MS", ge=0, le=3_600_000)
    # Where the exchange is, and an authority to trust instead of the system's.
    feed_stream_url: str = Field("wss://stream.binance.com:9443", alias="CIFT_FEED_STREAM_URL")
    feed_snapshot_url: str = Field("https://api.binance.com", alias="CIFT_FEED_SNAPSHOT_URL")
    feed_ca: str = Field("", alias="CIFT_FEED_CA")

    risk_max_position: float = Field(1_000_000.0, alias="CIFT_RISK_MAX_POSITION", gt=0)
    risk_max_notional: float = Field(100_000_000.0, alias="CIFT_RISK_MAX_NOTIONAL", gt=0)
    risk_max_leverage: float = Field(10.0, alias="CIFT_RISK_MAX_LEVERAGE", gt=0)
    risk_account_value: float = Field(1_000_000_000.0, alias="CIFT_RISK_ACCOUNT_VALUE", gt=0)

    @field_validator("nats_seed")
    @classmethod
    def _is_seed(cls, seed: SecretStr) -> SecretStr:
        text = seed.get_secret_value()
        if not re.fullmatch(r"(SU[A-Z2-7]{56})?", text):
            raise ValueError(f"found {len(text)} characters, expected a user's seed: SU and 56 of A-Z and 2-7")
        return seed

    @field_validator("engine_shard")
    @classmethod
    def _is_one_of_them(cls, number: int, info: ValidationInfo) -> int:
        shards = info.data.get("engine_shards", MOST_SHARDS)
        if number >= shards:
            raise ValueError(f"found {number}, expected 0 to {shards - 1}, for CIFT_ENGINE_SHARDS is {shards}")
        return number

    @property
    def shard(self) -> Shard:
        """The engine's own shard."""
        return Shard(self.engine_shard, self.engine_shards)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the process-wide settings, read once."""
    return Settings()
