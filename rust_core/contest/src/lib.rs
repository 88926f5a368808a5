//! Order books in Rust, side by side over one flow of commands: what `make bench-core` runs.

pub mod contest;
pub mod contestants;
pub mod flow;
