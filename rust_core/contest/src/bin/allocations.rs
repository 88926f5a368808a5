//! `allocations CONTESTANT FLOW.json`: prints, as JSON, how often a book allocates in the measured part of a flow.
//!
//! `fresh` is on a book that the flow's first orders have filled, and which still grows. `warm`, where a book can be
//! emptied, is on the same book after the flow has gone through it and every order was cancelled: it has been as large.

use std::env;
use std::error::Error;
use std::path::Path;

use allocation_counter::measure;
use cift_contest::contest::{Contestant, filled};
use cift_contest::flow::Flow;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [contestant, flow] = arguments.as_slice() else {
        return Err("expected CONTESTANT FLOW.json".into());
    };
    let flow = Flow::read(Path::new(flow))?;
    let (fresh, warm): (u64, Option<u64>) = match contestant.as_str() {
        #[cfg(feature = "cift-engine")]
        "cift-engine" => ours(&flow),
        #[cfg(feature = "lobster")]
        "lobster" => (on_fresh::<lobster::OrderBook>(&flow), None),
        #[cfg(feature = "matchcore")]
        "matchcore" => (on_fresh::<matchcore::OrderBook>(&flow), None),
        #[cfg(feature = "orderbook-rs")]
        "orderbook-rs" => (on_fresh::<orderbook_rs::OrderBook<()>>(&flow), None),
        other => return Err(format!("{other}: not a contestant of this build").into()),
    };
    let operations = flow.commands.len() - flow.warm;
    println!("{}", serde_json::json!({"operations": operations, "fresh": fresh, "warm": warm}));
    Ok(())
}

/// Ours, fresh and warm.
#[cfg(feature = "cift-engine")]
fn ours(flow: &Flow) -> (u64, Option<u64>) {
    use cift_contest::contestants::cift::Cift;
    use cift_contest::flow::Command;

    let mut book = filled::<Cift>(&operations::<Cift>(flow, 0, flow.warm));
    let fresh = allocated(&mut book, flow);
    for command in &flow.commands {
        if let Command::Add { id, .. } = command {
            book.cancel_if_resting(*id);
        }
    }
    for operation in operations::<Cift>(flow, 0, flow.warm) {
        book.apply(&operation);
    }
    (fresh, Some(allocated(&mut book, flow)))
}

#[allow(dead_code, reason = "a build without a peer has nobody to ask it of")]
fn on_fresh<C: Contestant>(flow: &Flow) -> u64 {
    let warm = operations::<C>(flow, 0, flow.warm);
    allocated(&mut filled::<C>(&warm), flow)
}

/// How often the book allocates while it carries out the measured commands.
fn allocated<C: Contestant>(book: &mut C, flow: &Flow) -> u64 {
    let mixed = operations::<C>(flow, flow.warm, flow.commands.len());
    let counted = measure(|| {
        for operation in &mixed {
            book.apply(operation);
        }
    });
    counted.count_total
}

fn operations<C: Contestant>(flow: &Flow, from: usize, to: usize) -> Vec<C::Operation> {
    (from..to).map(|number| C::prepare(number, &flow.commands[number])).collect()
}
