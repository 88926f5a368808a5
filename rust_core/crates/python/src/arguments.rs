//! Words and numbers of the Python side as the engine's types.

use cift_engine::event::CancelReason;
use cift_engine::special::PegKind;
use cift_engine::types::{Auction, Phase, SelfTrade, Side, TimeInForce};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

fn bad(field: &str, value: &str, expected: &str) -> PyErr {
    PyValueError::new_err(format!("{field} {value:?} is not one of {expected}"))
}

/// "buy" or "sell".
#[inline]
pub fn side(value: &str) -> PyResult<Side> {
    match value {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(bad("side", value, "buy, sell")),
    }
}

/// "buy" and "sell" as the interpreter keeps them, once a module has asked for them.
static WORDS: PyOnceLock<[Py<PyString>; 2]> = PyOnceLock::new();

/// Ask the interpreter for the words that calls are compared with.
pub fn learn_words(py: Python<'_>) {
    WORDS.get_or_init(py, || ["buy", "sell"].map(|word| PyString::intern(py, word).unbind()));
}

/// `side` of a Python argument: the words that a program spells out are the very objects that the interpreter keeps,
/// and then nothing needs to be read.
#[inline(always)]
pub fn side_of(value: &Bound<'_, PyAny>) -> PyResult<Side> {
    known_side(value).map_or_else(|| spelled(value), Ok)
}

/// The side that the very objects stand for.
#[inline(always)]
fn known_side(value: &Bound<'_, PyAny>) -> Option<Side> {
    let py = value.py();
    let [buy, sell] = WORDS.get(py)?;
    if value.is(buy) {
        Some(Side::Buy)
    } else if value.is(sell) {
        Some(Side::Sell)
    } else {
        None
    }
}

#[cold]
fn spelled(value: &Bound<'_, PyAny>) -> PyResult<Side> {
    match value.extract::<&str>() {
        Ok(word) => side(word),
        Err(_) => Err(PyTypeError::new_err(format!("side {value} is not a string"))),
    }
}

/// The `side` of a call that refuses what is no string before its other arguments, and another word after them.
#[derive(Clone, Copy)]
pub enum SideWord<'a> {
    Known(Side),
    Spelled(&'a str),
}

impl<'a> FromPyObject<'a, '_> for SideWord<'a> {
    type Error = PyErr;

    #[inline(always)]
    fn extract(value: Borrowed<'a, '_, PyAny>) -> PyResult<Self> {
        known_side(&value).map_or_else(|| value.extract().map(Self::Spelled), |side| Ok(Self::Known(side)))
    }
}

impl SideWord<'_> {
    #[inline(always)]
    pub fn side(self) -> PyResult<Side> {
        match self {
            Self::Known(side) => Ok(side),
            Self::Spelled(word) => side(word),
        }
    }
}

/// The word for a side.
pub const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// A time in force, and whether that asks for all or none: "AON" is GTC with the flag.
#[inline]
pub fn tif(value: &str) -> PyResult<(TimeInForce, bool)> {
    let tif = match value {
        "GTC" => TimeInForce::Gtc,
        "IOC" => TimeInForce::Ioc,
        "FOK" => TimeInForce::Fok,
        "DAY" => TimeInForce::Day,
        "GTD" => TimeInForce::Gtd,
        "ATO" => TimeInForce::AtOpen,
        "ATC" => TimeInForce::AtClose,
        "AON" => return Ok((TimeInForce::Gtc, true)),
        _ => return Err(bad("tif", value, "GTC, IOC, FOK, DAY, GTD, ATO, ATC, AON")),
    };
    Ok((tif, false))
}

/// What a pegged order follows.
pub fn peg(value: &str) -> PyResult<PegKind> {
    match value {
        "primary" => Ok(PegKind::Primary),
        "mid" => Ok(PegKind::Mid),
        "market" => Ok(PegKind::Market),
        _ => Err(bad("peg", value, "primary, mid, market")),
    }
}

/// The word for what a pegged order follows.
pub const fn peg_name(kind: PegKind) -> &'static str {
    match kind {
        PegKind::Primary => "primary",
        PegKind::Mid => "mid",
        PegKind::Market => "market",
    }
}

/// A phase.
pub fn phase(value: &str) -> PyResult<Phase> {
    match value {
        "continuous" => Ok(Phase::Continuous),
        "halted" => Ok(Phase::Halted),
        "opening_auction" => Ok(Phase::Auction(Auction::Opening)),
        "closing_auction" => Ok(Phase::Auction(Auction::Closing)),
        "volatility_auction" => Ok(Phase::Auction(Auction::Volatility)),
        _ => Err(bad("phase", value, "continuous, halted, opening_auction, closing_auction, volatility_auction")),
    }
}

/// The word for a phase.
pub const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Continuous => "continuous",
        Phase::Halted => "halted",
        Phase::Auction(Auction::Opening) => "opening_auction",
        Phase::Auction(Auction::Closing) => "closing_auction",
        Phase::Auction(Auction::Volatility) => "volatility_auction",
    }
}

/// The word for a reason.
pub const fn reason_name(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::User => "user",
        CancelReason::Unfilled => "unfilled",
        CancelReason::SelfTrade => "self_trade",
        CancelReason::Expired => "expired",
        CancelReason::Refused => "refused",
        CancelReason::ReduceOnly => "reduce_only",
        CancelReason::KillSwitch => "kill_switch",
    }
}

/// A self-trade prevention mode.
pub fn stp(value: &str) -> PyResult<SelfTrade> {
    match value {
        "none" => Ok(SelfTrade::Allow),
        "cancel_taker" => Ok(SelfTrade::CancelTaker),
        "cancel_maker" => Ok(SelfTrade::CancelMaker),
        "cancel_both" => Ok(SelfTrade::CancelBoth),
        "decrement" => Ok(SelfTrade::Decrement),
        _ => Err(bad("stp", value, "none, cancel_taker, cancel_maker, cancel_both, decrement")),
    }
}

/// The word for a self-trade prevention mode.
pub const fn stp_name(mode: SelfTrade) -> &'static str {
    match mode {
        SelfTrade::Allow => "none",
        SelfTrade::CancelTaker => "cancel_taker",
        SelfTrade::CancelMaker => "cancel_maker",
        SelfTrade::CancelBoth => "cancel_both",
        SelfTrade::Decrement => "decrement",
    }
}
