//! NATS' client protocol without a connection: bytes that came to operations, and messages that go to bytes.
//!
//! Sources: the client protocol in NATS' documentation, and ADR-4 (headers) and ADR-15 (the reply subject of what a
//! consumer delivers) of its architecture repository.

mod burst;
mod delivery;
mod origin;
mod split;

pub use burst::{Burst, Condition};
pub use delivery::{Delivery, status};
pub use origin::Origin;
pub use split::{Message, Operation, ProtocolError, Splitter};
