"""What the sandbox reads from the machine: apt's sources in both formats, pip, cargo, proxies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cift.ops.sandbox import aptsources, indexes, proxy
from cift.ops.sandbox.aptsources import Source
from cift.ops.sandbox.errors import RefusedError
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.machine import Way

DEB822 = """\
# the mirror of this house
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
# not this one: bookworm-proposed
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm
Components: main
"""

ONE_LINE = """\
deb [arch=amd64 signed-by=/etc/apt/keyrings/vendor.gpg] https://vendor.example:8443/apt bookworm main
deb http://mirror.example/debian-security bookworm-security main contrib # by hand
# deb http://commented.example/debian bookworm main
deb-src http://sources.example/debian bookworm main
"""


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(ONE_LINE)
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822)
    (tmp_path / "sources.list.d/old.list.disabled").write_text("deb http://ignored.example/debian bookworm main\n")
    return aptsources.read_sources(tmp_path)


def test_both_formats_of_apt_sources_are_read(sources: list[Source]) -> None:
    assert sources == [
        Source(("https://vendor.example:8443/apt",), ("bookworm",), ("main",), "/etc/apt/keyrings/vendor.gpg"),
        Source(("http://mirror.example/debian-security",), ("bookworm-security",), ("main", "contrib")),
        Source(
            ("http://mirror.example/debian",),
            ("bookworm", "bookworm-updates"),
            ("main", "contrib"),
            "/usr/share/keyrings/debian-archive-keyring.gpg",
        ),
    ]


def test_only_debians_own_entries_go_to_a_host_turned_to_its_release(sources: list[Source]) -> None:
    text = aptsources.debian_sources(sources, "bookworm", "trixie")
    assert "Suites: trixie trixie-updates\nComponents: main contrib\n" in text
    assert "Suites: trixie-security\n" in text
    assert "vendor" not in text
    assert "bookworm" not in text


def test_vendors_suites_and_components_are_not_debians() -> None:
    vendors = [
        Source(("https://a.example/apt",), ("cloud-sdk-bookworm",), ("main",)),
        Source(("https://b.example/linux/debian",), ("bookworm",), ("stable",)),
        Source(("https://c.example/pub",), ("bookworm-pgdg",), ("main",)),
        Source(("file:/srv/mirror",), ("bookworm",), ("main",)),
    ]
    with pytest.raises(RefusedError, match=r"no http\(s\) entry for Debian's own 'bookworm'"):
        aptsources.debian_sources(vendors, "bookworm", "bookworm")


@pytest.fixture
def no_pip_settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return monkeypatch


def test_pip_without_an_index_of_its_own_uses_what_pip_has_built_in(no_pip_settings: pytest.MonkeyPatch) -> None:
    builtin = indexes.pip_urls()
    assert builtin
    assert all(url.startswith("https://") for url in builtin)
    assert indexes.pip_index() == ""
    no_pip_settings.setenv("PIP_EXTRA_INDEX_URL", "https://one.example/s https://two.example/s")
    assert indexes.pip_urls() == ["https://one.example/s", "https://two.example/s", *builtin]


def test_an_index_of_the_machines_own_replaces_pips(no_pip_settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://file.example/simple\nfind-links = /srv/wheels\n")
    no_pip_settings.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    assert indexes.pip_urls() == ["https://file.example/simple"]
    assert indexes.pip_index() == "https://file.example/simple"
    no_pip_settings.setenv("PIP_INDEX_URL", "https://env.example/simple")
    assert indexes.pip_index() == "https://env.example/simple"


def test_cargo_registries_come_from_its_configuration(tmp_path: Path) -> None:
    assert indexes.cargo_urls({"CARGO_HOME": str(tmp_path)}) == []
    (tmp_path / "config.toml").write_text(
        '[source.house]\nregistry = "sparse+https://crates.example/index/"\n[source.disk]\ndirectory = "/srv"\n'
        '[registries.mine]\nindex = "https://mine.example/git"\n'
    )
    found = indexes.cargo_urls({"CARGO_HOME": str(tmp_path)})
    assert found == ["https://crates.example/index/", "https://mine.example/git"]
    (tmp_path / "config.toml").write_text("[source")
    with pytest.raises(RefusedError, match=r"config\.toml is not TOML"):
        indexes.cargo_urls({"CARGO_HOME": str(tmp_path)})


def test_hosts_and_ports_of_the_way() -> None:
    way = Way(
        ("http://A.example/debian", "https://b.example:8443/x", "mirror+http://c.example/list", "file:/srv", "cdrom:x")
    )
    assert way.hosts == [("a.example", 80), ("b.example", 8443), ("c.example", 80)]


def test_the_allow_list_matches_whole_names_and_denies_the_rest() -> None:
    way = Way(("http://deb.example/debian", "https://deb.example:8443/debian"))
    assert proxy.allow_list(way) == r"^deb\.example$" + "\n"
    lines = proxy.configuration(Layout(Path("/srv/lab"), Path("/srv/cache")), "10.77.5.1", way).splitlines()
    assert {"FilterDefaultDeny Yes", "Listen 10.77.5.1", "Allow 10.77.5.1/24", 'Filter "/srv/lab/proxy/allow"'} <= {
        *lines
    }
    assert [line for line in lines if line.startswith("ConnectPort")] == [
        "ConnectPort 80",
        "ConnectPort 443",
        "ConnectPort 8443",
    ]
    assert not any(line.startswith("Upstream") for line in lines)


def test_the_machines_own_proxy_is_passed_on() -> None:
    way = Way(("http://deb.example/",), "http://me:secret@out.example:8080", ("localhost", ".house.example"))
    text = proxy.configuration(Layout(Path("/srv/lab"), Path("/srv/cache")), "10.77.5.1", way)
    assert "Upstream http me:secret@out.example:8080\n" in text
    assert 'Upstream none ".house.example"\n' in text
