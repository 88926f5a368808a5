//! The Rust that `build.rs` makes of `cift/schema/*.capnp`.

/// Commands, events, book and trade messages.
#[allow(missing_docs, clippy::all)]
pub mod messages_capnp {
    include!(concat!(env!("OUT_DIR"), "/messages_capnp.rs"));
}

/// Ticks by column.
#[allow(missing_docs, clippy::all)]
pub mod ticks_capnp {
    include!(concat!(env!("OUT_DIR"), "/ticks_capnp.rs"));
}
