"""What `cift reference load` accepts, and how it names what it does not."""

from __future__ import annotations

import json

import pytest

from cift.ops.reference import parse

HASH = "ab" * 32
GOOD = {
    "instruments": [{"symbol": "AAPL", "tick_size": 0.01, "lot_size": 1}],
    "accounts": [{"account_id": 1, "name": "sandbox"}],
    "api_keys": [{"sha256": HASH, "account_id": 1, "scopes": ["trade", "read"]}],
}


def test_everything_is_optional() -> None:
    data = parse(b"{}")
    assert data.instruments == ()
    assert data.api_keys is None


def test_good_data_is_read_with_defaults() -> None:
    data = parse(json.dumps(GOOD).encode())
    assert data.instruments[0].state == "active"
    assert data.api_keys is not None
    assert data.api_keys[0].scopes == ("trade", "read")


@pytest.mark.parametrize(
    ("table", "row", "field"),
    [
        ("instruments", {"symbol": "aapl", "tick_size": 0.01, "lot_size": 1}, "instruments[0].symbol"),
        ("instruments", {"symbol": "AAPL\n", "tick_size": 0.01, "lot_size": 1}, "instruments[0].symbol"),
        ("instruments", {"symbol": "A.B", "tick_size": 0.01, "lot_size": 1}, "instruments[0].symbol"),
        ("instruments", {"symbol": "AAPL", "tick_size": 0, "lot_size": 1}, "instruments[0].tick_size"),
        ("instruments", {"symbol": "AAPL", "tick_size": 0.01, "lot_size": -1}, "instruments[0].lot_size"),
        ("instruments", {"symbol": "AAPL", "tick_size": "x", "lot_size": 1}, "instruments[0].tick_size"),
        ("instruments", {"symbol": "AAPL", "tick_size": 1, "lot_size": 1, "state": "off"}, "instruments[0].state"),
        ("instruments", {"symbol": "AAPL", "tick_size": 1, "lot_size": 1, "color": 1}, "instruments[0]"),
        ("instruments", {"symbol": "AAPL", "tick_size": 1}, "instruments[0]"),
        ("accounts", {"account_id": 0, "name": "x"}, "accounts[0].account_id"),
        ("accounts", {"account_id": 1, "name": ""}, "accounts[0].name"),
        ("api_keys", {"sha256": "AB", "account_id": 1, "scopes": ["read"]}, "api_keys[0].sha256"),
        ("api_keys", {"sha256": HASH, "account_id": 1, "scopes": []}, "api_keys[0].scopes"),
        ("api_keys", {"sha256": HASH, "account_id": 1, "scopes": ["root"]}, "api_keys[0].scopes[0]"),
    ],
)
def test_bad_data_names_the_field(table: str, row: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        parse(json.dumps({table: [row]}).encode())
    assert str(caught.value).startswith(f"{field}: ")


@pytest.mark.parametrize("text", [b"", b"[1]", b"{", b"\xff", b'{"keys": []}'])
def test_what_is_not_reference_data_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="stdin: "):
        parse(text)


@pytest.mark.parametrize("table", ["instruments", "accounts", "api_keys"])
def test_a_row_named_twice_is_refused(table: str) -> None:
    with pytest.raises(ValueError, match=rf"{table}\[1\]\.\w+: .* twice"):
        parse(json.dumps(GOOD | {table: GOOD[table] * 2}).encode())
