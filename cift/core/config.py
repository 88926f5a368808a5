"""Settings of every CIFT program, read from the environment.

The names are the migration guide's (`CLICKHOUSE_HOST`, `NATS_URL`, ...); newer ones start with `CIFT_`. On a host they
come from `/etc/cift/cift.env` and, for secrets, from one environment file per service that root alone can read.
"""

from __future__ import annotations

from functools import lru_cache

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where each system is and how to sign in. Every field has its environment variable as alias."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    nats_url: str = Field("nats://127.0.0.1:4222", alias="NATS_URL")
    nats_user: str = Field("", alias="NATS_USER")
    nats_password: SecretStr = Field(SecretStr(""), alias="NATS_PASSWORD")

    clickhouse_host: str = Field("127.0.0.1", alias="CLICKHOUSE_HOST")
    clickhouse_port: int = Field(8123, alias="CLICKHOUSE_PORT")
    clickhouse_db: str = Field("cift_analytics", alias="CLICKHOUSE_DB")
    # The authority that signed the server's certificate, a file; empty: the port is without TLS.
    clickhouse_ca: str = Field("", alias="CLICKHOUSE_CA")
    # The cluster whose hosts all get the tables, as `remote_servers` calls it; empty: one server.
    clickhouse_cluster: str = Field("", alias="CLICKHOUSE_CLUSTER", pattern=r"^\w*$")
    clickhouse_user: str = Field("cift", alias="CLICKHOUSE_USER")
    clickhouse_password: SecretStr = Field(SecretStr(""), alias="CLICKHOUSE_PASSWORD")

    cache_host: str = Field(
        "127.0.0.1", validation_alias=AliasChoices("CACHE_HOST", "DRAGONFLY_HOST", "REDIS_HOST", "cache_host")
    )
    cache_port: int = Field(
        6379, validation_alias=AliasChoices("CACHE_PORT", "DRAGONFLY_PORT", "REDIS_PORT", "cache_port")
    )
    cache_user: str = Field("", alias="CACHE_USER")
    cache_password: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("CACHE_PASSWORD", "REDIS_PASSWORD", "cache_password")
    )

    database_host: str = Field("127.0.0.1", alias="DATABASE_HOST")
    database_port: int = Field(5432, alias="DATABASE_PORT")
    database_name: str = Field("cift", alias="DATABASE_NAME")
    database_user: str = Field("cift", alias="DATABASE_USER")
    database_password: SecretStr = Field(SecretStr(""), alias="DATABASE_PASSWORD")

    api_url: str = Field("https://127.0.0.1:8000", alias="CIFT_API_URL")
    api_key: SecretStr = Field(SecretStr(""), alias="CIFT_API_KEY")
    api_ca: str = Field("", alias="CIFT_API_CA")
    order_timeout_s: float = Field(2.0, alias="CIFT_ORDER_TIMEOUT_S", gt=0)
    max_body_bytes: int = Field(65_536, alias="CIFT_MAX_BODY_BYTES", gt=0)

    risk_max_position: float = Field(1_000_000.0, alias="CIFT_RISK_MAX_POSITION", gt=0)
    risk_max_notional: float = Field(100_000_000.0, alias="CIFT_RISK_MAX_NOTIONAL", gt=0)
    risk_max_leverage: float = Field(10.0, alias="CIFT_RISK_MAX_LEVERAGE", gt=0)
    risk_account_value: float = Field(1_000_000_000.0, alias="CIFT_RISK_ACCOUNT_VALUE", gt=0)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the process-wide settings, read once."""
    return Settings()
