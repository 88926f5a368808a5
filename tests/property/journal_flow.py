"""A journal of anything: mostly plain orders and cancels of a few users, and all that can come between them."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
from cift_core.nats import Stored
from hypothesis import strategies as st

from cift.core.messages import (
    AnyCommand,
    CancelOrder,
    EndOfDay,
    KillSwitch,
    MassCancel,
    ModifyOrder,
    NewOrder,
    Phase,
    ReduceOrder,
    SetAccountLimits,
    SetInstrument,
    SetLimits,
    SetPhase,
    SetRisk,
    Uncross,
)
from cift.core.serialization import encode, encode_framed

# Tick and lot of each.
GRIDS = {"AAPL": (1.0, 1.0), "MSFT": (0.05, 0.1), "BTC-USD": (0.01, 1e-8)}
OPENING: list[AnyCommand] = [
    *(
        SetInstrument(symbol=symbol, ts=0, user_id=0, tick_size=tick, lot_size=lot)
        for symbol, (tick, lot) in GRIDS.items()
    ),
    SetLimits(
        symbol="_limits", ts=0, user_id=0, max_position=20.0, max_notional=1e3, max_leverage=10.0, account_value=1e6
    ),
]
symbols = st.sampled_from(["AAPL", "AAPL", "AAPL", "MSFT", "BTC-USD"])
users = st.sampled_from([1, 2, 3])
ids = st.integers(len(OPENING) + 1, 70)
odd_numbers = st.sampled_from([0.0, -0.0, -1.0, 0.5, 1e-9, 100.004, 1e15, 2e15, 1e16, 1e22, 1e300])
odd_users = st.sampled_from([0, -1, 2**63, 2**64 - 1, 2**64])
names = st.none() | st.none() | st.sampled_from(["a", "b", "", "it's", 'say "x"', "ü"])
prices = st.integers(98, 102).map(float)
quantities = st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0] * 3 + [0.1, 0.3, 0.7, 1.1, 0.00000003])
sides = st.sampled_from(["buy", "sell"])
WHOSE: dict[str, Any] = {"symbol": symbols, "ts": st.just(0), "user_id": users}
SIDED: dict[str, Any] = WHOSE | {"side": sides, "quantity": quantities, "client_order_id": names}

ORDERS: tuple[st.SearchStrategy[AnyCommand], ...] = (
    st.builds(
        NewOrder, **SIDED, order_type=st.just("limit"), price=prices,
        tif=st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK"]),
        post_only=st.sampled_from([False, False, False, False, True]),
    ),
    st.builds(NewOrder, **SIDED, order_type=st.just("market"), price=st.none() | prices),
    st.builds(CancelOrder, **WHOSE, order_id=ids),
    st.builds(ReduceOrder, **WHOSE, order_id=ids, by=quantities),
)  # fmt: skip
# Which of them, for a union takes each of its members once, however often it is named.
PLAIN: st.SearchStrategy[AnyCommand] = st.sampled_from([0, 0, 0, 0, 0, 1, 2, 2, 3]).flatmap(ORDERS.__getitem__)

odd = st.builds(
    NewOrder, symbol=symbols | st.just("NONE"), ts=st.just(0), user_id=users | odd_users, side=sides,
    order_type=st.sampled_from(["limit", "market"]), quantity=quantities | odd_numbers,
    price=st.none() | prices | odd_numbers, client_order_id=names, offset=st.sampled_from([0.0, 0.0, 1.0]),
    tif=st.sampled_from(["GTC", "IOC", "DAY", "GTD", "ATO"]),
) | st.builds(ReduceOrder, **WHOSE, order_id=ids, by=odd_numbers)  # fmt: skip
special = (
    st.builds(NewOrder, **SIDED, order_type=st.just("stop"), trigger_price=prices, price=st.none() | prices)
    | st.builds(NewOrder, **SIDED, order_type=st.just("limit"), price=prices, hidden=st.booleans(), tif=st.just("DAY"))
    | st.builds(NewOrder, **SIDED, order_type=st.just("pegged"), peg=st.sampled_from(["primary", "market"]))
    | st.builds(NewOrder, **SIDED, order_type=st.just("notional"))
)
changes = st.builds(ModifyOrder, **WHOSE, order_id=ids, price=prices) | st.builds(MassCancel, **WHOSE)


@st.composite
def staff(draw: st.DrawFn) -> AnyCommand:
    kind, symbol, account = draw(st.sampled_from(range(8))), draw(symbols), draw(st.sampled_from([0, 1, 2, 3]))
    about: dict[str, Any] = {"ts": 0, "user_id": 0}
    day = about | {"symbol": f"_session.{symbol}", "instrument": symbol}
    most = draw(st.sampled_from([1.0, 3.0, 10.0, 1e6]))
    match kind:
        case 0:
            return SetPhase(**day, phase=draw(st.sampled_from([*get_args(Phase), "continuous", "continuous"])))
        case 1:
            return Uncross(**day)
        case 2:
            return EndOfDay(**day)
        case 3:
            state = draw(st.sampled_from(["active", "active", "active", "reducing", "halted"]))
            return KillSwitch(symbol="_state", ts=0, user_id=account, state=state)
        case 4:
            limit = draw(st.none() | st.just(most))
            return SetAccountLimits(symbol=f"_limits.{account}", ts=0, user_id=account, max_position=limit)
        case 5:
            return SetLimits(
                **about, symbol="_limits", max_position=most, max_notional=most * 100, max_leverage=1.0,
                account_value=draw(st.sampled_from([300.0, 1e6])),
            )  # fmt: skip
        case 6:
            tick, lot = GRIDS[draw(symbols)]
            return SetInstrument(**about, symbol=symbol, tick_size=tick, lot_size=lot)
        case _:
            if draw(st.integers(0, 9)):
                return KillSwitch(symbol="_state", ts=0, user_id=0, state="active")
            return SetRisk(symbol="_risk.max_quantity", ts=0, user_id=0, setting="max_quantity", value=4.0)


OTHERS = (PLAIN, odd, special, changes, staff())
ANY: st.SearchStrategy[AnyCommand] = st.sampled_from([0] * 40 + [1] * 3 + [2, 3, 3, 4, 4]).flatmap(OTHERS.__getitem__)


def configures(command: AnyCommand) -> bool:
    return isinstance(command, SetInstrument | SetLimits)


def subject(command: AnyCommand) -> str:
    return f"orders.{'_set.' if configures(command) else ''}{command.symbol}"


MORE = (
    b',"v":1}', b',"v":2}', b',"x":[1]}', b',"tif":null}', b',"post_only":true}', b',"hidden":false}',
    b',"price":null}', b',"ts":7.0}', b',"client_order_id":"\\u0061"}', b',"client_order_id":"\\ud800"}',
    b',"quantity":1e999}', b',"quantity":2}', b',"user_id":"1"}', b',"side":{"buy":null}}',
)  # fmt: skip

PIECES = (
    b"null", b"true", b"0", b"-", b".5", b"e3", b"00", b"{", b"]", b'"', b"\\", b"\xc3\xa4", b"\xff", b"\0", b'"v":1,',
    b'"tif":"IOC",', b'"order_id":5,', b'"symbol":"AAPL",', b"18446744073709551616", b"0.1000000000000000055511151231",
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Return bytes that are nearly a command, or perhaps one all the same."""
    kind, at = draw(st.sampled_from(range(7))), draw(st.integers(0, len(data) - 1))
    match kind:
        case 0:
            return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
        case 1:
            return data[:at]
        case 2:
            return data[:at] + data[at:].replace(b":", b": ", 1)
        case 3:
            return data[:-1] + draw(st.sampled_from(MORE))
        case 4:
            return b" " + data + b"\n"
        case 5:
            return data[:at] + draw(st.sampled_from(PIECES)) + data[at + draw(st.integers(0, 3)) :]
        case _:
            return data + b"}"


@st.composite
def messages(draw: st.DrawFn, commands: st.SearchStrategy[AnyCommand] = ANY, safe: int = 60) -> list[Stored]:
    """Return a journal in either format, behind what opens the symbols; something is wrong with some of `safe`."""
    journal = [Stored(seq, subject(each), encode(each)) for seq, each in enumerate(OPENING, 1)]
    flow = draw(st.lists(commands, min_size=20, max_size=80))
    for ts, each in enumerate(flow):
        write = draw(st.sampled_from([encode, encode, encode_framed]))
        data, place = write(msgspec.structs.replace(each, ts=ts)), subject(each)
        hazard = draw(st.integers(0, safe))
        if hazard == 0:
            data = draw(damaged(data))
        elif hazard == 1:
            place = f"orders.{draw(symbols)}"
        trace = f"00-{'1' * 32}-{'2' * 16}-00" if hazard == 2 else ""
        seq = journal[-1].seq + (2 if hazard == 3 else 0 if hazard == 4 else 1)
        journal.append(Stored(seq, place, data, draw(st.sampled_from(["", "request-1"])), trace))
    return journal
