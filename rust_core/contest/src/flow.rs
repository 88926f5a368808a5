//! A flow of commands, as `cift.benchmarks.core.flow` wrote it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One command of a flow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// A limit order, passive or taking.
    Add {
        /// Its id; ids grow.
        id: u64,
        /// Whether it buys.
        buy: bool,
        /// Its price in ticks.
        price: u64,
        /// Its lots.
        quantity: u64,
    },
    /// A cancel of an order that rests.
    Cancel {
        /// Its id.
        id: u64,
    },
}

/// The commands of a flow; the first `warm` of them are not measured.
#[derive(Clone, Debug)]
pub struct Flow {
    /// How many commands fill the book.
    pub warm: usize,
    /// The lots that the measured commands must trade.
    pub traded: u64,
    /// All commands.
    pub commands: Vec<Command>,
}

#[derive(Deserialize)]
struct About {
    warm: usize,
    traded: u64,
    commands: PathBuf,
}

const ROW: usize = 40;
const TICKS_PER_UNIT: f64 = 100.0;

impl Flow {
    /// Read a flow by its JSON file.
    ///
    /// # Errors
    /// A file that can't be read, or a row that is neither a limit order nor a cancel.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let about: About = serde_json::from_slice(&fs::read(path)?)?;
        let bytes = fs::read(&about.commands)?;
        let commands = bytes.chunks_exact(ROW).map(command).collect::<Result<_, _>>()?;
        Ok(Self { warm: about.warm, traded: about.traded, commands })
    }
}

fn command(row: &[u8]) -> Result<Command, String> {
    let word = |at: usize| <[u8; 8]>::try_from(&row[at..at + 8]).map_err(|error| error.to_string());
    let id = u64::from_le_bytes(word(8)?);
    match row[0] {
        0 => Ok(Command::Add {
            id,
            buy: row[1] == 0,
            price: (f64::from_le_bytes(word(24)?) * TICKS_PER_UNIT).round() as u64,
            quantity: f64::from_le_bytes(word(32)?) as u64,
        }),
        2 => Ok(Command::Cancel { id }),
        op => Err(format!("op {op}: expected 0 (limit) or 2 (cancel)")),
    }
}
