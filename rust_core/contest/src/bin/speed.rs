//! `speed CONTESTANT FLOW.json SAMPLES ROUNDS SECONDS`: prints whole runs as JSON, writes the samples of single operations.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use cift_contest::contest::{Measured, measure};
use cift_contest::flow::Flow;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [contestant, flow, samples, rounds, seconds] = arguments.as_slice() else {
        return Err("expected CONTESTANT FLOW.json SAMPLES ROUNDS SECONDS".into());
    };
    let flow = Flow::read(Path::new(flow))?;
    let (rounds, longest) = (rounds.parse()?, Duration::try_from_secs_f64(seconds.parse()?)?);
    let measured: Measured = match contestant.as_str() {
        #[cfg(feature = "cift-engine")]
        "cift-engine" => measure::<cift_contest::contestants::cift::Cift>(&flow, rounds, longest),
        #[cfg(feature = "lobster")]
        "lobster" => measure::<lobster::OrderBook>(&flow, rounds, longest),
        #[cfg(feature = "matchcore")]
        "matchcore" => measure::<matchcore::OrderBook>(&flow, rounds, longest),
        #[cfg(feature = "orderbook-rs")]
        "orderbook-rs" => measure::<orderbook_rs::OrderBook<()>>(&flow, rounds, longest),
        other => return Err(format!("{other}: not a contestant of this build").into()),
    };
    let bytes: Vec<u8> = measured.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    fs::write(samples, bytes)?;
    let all = measured.runs.last().is_some_and(|(done, _)| *done == flow.commands.len() - flow.warm);
    println!(
        "{}",
        serde_json::json!({
            "runs": measured.runs,
            "sampled": measured.sampled,
            "traded": all.then_some(measured.traded),
            "expected": flow.traded,
        })
    );
    Ok(())
}
