"""Clients of cache, database, analytics and API behind TLS: whom they trust, and what they say of whom they don't."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cift.benchmarks.cache import measure
from cift.benchmarks.profile import QUICK
from cift.core.cache import Cache, CacheUnavailableError
from cift.core.clickhouse.connection import ClickHouseUnavailableError
from cift.core.clickhouse_manager import ClickHouseManager
from cift.core.config import Settings
from cift.core.database import Database, DatabaseUnavailable
from cift.core.tls import TlsError
from cift.ops.replay import ReplayError
from cift.ops.replay.api_target import ApiTarget
from cift.ops.up.access import ApiAccess
from tests.servers.cache import CacheServer
from tests.servers.certificates import Authority
from tests.servers.postgres import PostgresServer, cluster


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's own user can look into, which pytest's are not."""
    found = Path(os.path.realpath(os.environ.get("TMPDIR", "/tmp"))) / f"cift-client-tls-{os.getpid()}"
    found.mkdir(mode=0o755)
    yield found
    shutil.rmtree(found)


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder, "authority")


@pytest.fixture(scope="module")
def stranger(folder: Path) -> Authority:
    return Authority(folder, "stranger")


@pytest.fixture(scope="module")
def database(folder: Path, authority: Authority) -> Iterator[PostgresServer]:
    own = authority.issue("postgresql")
    own.key.chmod(0o640)
    if os.geteuid() == 0:
        shutil.chown(own.key, "root", "postgres")
    with cluster() as server:
        hba = server.folder / "data/pg_hba.conf"
        hba.write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        server.parameters = ("ssl=on", f"ssl_cert_file={own.certificate}", f"ssl_key_file={own.key}")
        server.start()
        yield server


@pytest.fixture
def cache(cache_server: CacheServer, authority: Authority) -> CacheServer:
    cache_server.kill()
    cache_server.speak_tls(authority.issue("cache"), authority.path)
    cache_server.start()
    return cache_server


async def _ask_cache(settings: Settings) -> str:
    try:
        async with Cache(settings, timeout=10) as cache:
            await cache.ping()
    except CacheUnavailableError as error:
        return str(error)
    return "well"


async def _ask_database(settings: Settings) -> str:
    try:
        async with Database.from_settings(settings) as database:
            await database.ping()
    except DatabaseUnavailable as error:
        return str(error)
    return "well"


async def test_the_cache_of_the_right_authority(cache: CacheServer, authority: Authority, stranger: Authority) -> None:
    settings = cache.settings()
    assert await _ask_cache(settings.model_copy(update={"cache_ca": str(authority.path)})) == "well"
    wrong = await _ask_cache(settings.model_copy(update={"cache_ca": str(stranger.path)}))
    assert "certificate verify failed" in wrong
    assert "CACHE_CA's authority" in wrong
    assert "speaks TLS needs CACHE_CA" in await _ask_cache(settings)


async def test_a_cache_with_a_certificate_for_another_name(cache_server: CacheServer, authority: Authority) -> None:
    cache_server.kill()
    cache_server.speak_tls(authority.issue("elsewhere", addresses=("192.0.2.1",)), authority.path)
    cache_server.start()
    said = await _ask_cache(cache_server.settings().model_copy(update={"cache_ca": str(authority.path)}))
    assert "IP address mismatch" in said


async def test_a_cache_in_plain_text_is_not_trusted(cache_server: CacheServer, authority: Authority) -> None:
    said = await _ask_cache(cache_server.settings().model_copy(update={"cache_ca": str(authority.path)}))
    assert "that speaks TLS" in said


async def test_the_database_of_the_right_authority(
    database: PostgresServer, authority: Authority, stranger: Authority
) -> None:
    settings = database.settings()
    trusting = settings.model_copy(update={"database_ca": str(authority.path)})
    assert await _ask_database(trusting) == "well"
    async with Database.from_settings(trusting) as client, client.connection() as connection:
        assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    wrong = await _ask_database(settings.model_copy(update={"database_ca": str(stranger.path)}))
    assert "certificate verify failed" in wrong
    plain = await _ask_database(settings)
    assert "no encryption" in plain
    assert "needs DATABASE_CA" in plain
    elsewhere = await _ask_database(trusting.model_copy(update={"database_host": "localhost"}))
    assert "mismatch" in elsewhere or "not valid for" in elsewhere


async def test_a_database_in_plain_text_is_not_trusted(postgres_server: PostgresServer, authority: Authority) -> None:
    said = await _ask_database(postgres_server.settings().model_copy(update={"database_ca": str(authority.path)}))
    assert "rejected SSL upgrade" in said
    assert "does it speak TLS" in said


@pytest.mark.parametrize("text", [None, "", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"])
async def test_an_authority_that_is_none(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "ca.crt"
    if text is not None:
        path.write_text(text)
    said = "found no .*, expected the authority's certificate in PEM"
    with pytest.raises(TlsError, match=f"CACHE_CA: {path}: {said}"):
        Cache(Settings(CACHE_CA=str(path)))
    with pytest.raises(DatabaseUnavailable, match=f"DATABASE_CA: {path}: {said}"):
        await Database.from_settings(Settings(DATABASE_CA=str(path))).connect()
    with pytest.raises(ClickHouseUnavailableError, match=f"CLICKHOUSE_CA: {path}: {said}"):
        await ClickHouseManager(Settings(CLICKHOUSE_CA=str(path))).connect()
    with pytest.raises(ReplayError, match=f"^--ca or CIFT_API_CA: {path}: {said}"):
        ApiTarget("AAPL", "https://127.0.0.1:1", "key", str(path))
    with pytest.raises(TlsError, match=f"^the API of one: {path}: {said}"):
        ApiAccess(host="one", url="https://127.0.0.1:1", ca=str(path), key="key").tls()


def test_the_benchmark_of_the_cache_speaks_tls(cache: CacheServer, authority: Authority) -> None:
    settings = cache.settings().model_copy(update={"cache_ca": str(authority.path)})
    rows, _ = measure(settings, QUICK)
    assert [row.key for row in rows] == ["cache", "cache_get", "cache_set", "cache_single"]
