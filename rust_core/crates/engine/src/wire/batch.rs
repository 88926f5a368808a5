//! Many commands or events in one message, of which any can be read without the others.

use super::command::Command;
use super::error::{InField, WireError};
use super::event::Event;
use super::frame::{self, Encoded, SMALL_MESSAGE_WORDS, known_version};
use super::schema::messages_capnp::{SCHEMA_VERSION, command_batch, event_batch};

macro_rules! batch {
    ($(#[$doc:meta])* $name:ident, $item:ident, $schema:ident, $init:ident, $get:ident, $list:literal, $version:literal) => {
        $(#[$doc])*
        pub struct $name;

        impl $name {
            /// All of them as one message.
            ///
            /// # Errors
            /// An unknown version, or more than a message holds.
            pub fn encode(items: &[$item<'_>]) -> Result<Encoded, WireError> {
                let texts = items.iter().map($item::text_bytes).sum();
                let words = items.len().saturating_mul(SMALL_MESSAGE_WORDS).saturating_add(SMALL_MESSAGE_WORDS);
                Encoded::build::<$schema::Owned>(words, texts, |mut batch| {
                    batch.set_version(SCHEMA_VERSION);
                    // Their number fits: their bytes do.
                    let mut list = batch.$init(u32::try_from(items.len()).unwrap_or(u32::MAX));
                    (0u32..).zip(items).try_for_each(|(index, item)| item.fill(list.reborrow().get(index)))
                })
            }

            /// How many there are in `data`.
            ///
            /// # Errors
            /// `data` is no such batch.
            pub fn len(data: &[u8]) -> Result<u32, WireError> {
                frame::read::<$schema::Owned, u32>(data, |batch, _| {
                    known_version($version, batch.get_version())?;
                    Ok(batch.$get().in_field($list)?.len())
                })
            }

            /// Give `work` every item of `indices` (those of all, `0..len`) in turn; the others are not looked at.
            ///
            /// # Errors
            /// `data` is no such batch, there is no such index, or `work` said so.
            pub fn read(
                data: &[u8],
                indices: std::ops::Range<u32>,
                mut work: impl for<'m> FnMut($item<'m>) -> Result<(), WireError>,
            ) -> Result<(), WireError> {
                frame::read::<$schema::Owned, ()>(data, |batch, _| {
                    known_version($version, batch.get_version())?;
                    let list = batch.$get().in_field($list)?;
                    for index in indices {
                        let item = list.try_get(index).ok_or_else(|| {
                            WireError::field($list, format!("{index} is not below its length {}", list.len()))
                        })?;
                        work($item::of(item)?)?;
                    }
                    Ok(())
                })
            }
        }
    };
}

batch!(
    /// Commands in one message.
    CommandBatch, Command, command_batch, init_commands, get_commands, "commandBatch.commands", "commandBatch.version"
);
batch!(
    /// Events in one message.
    EventBatch, Event, event_batch, init_events, get_events, "eventBatch.events", "eventBatch.version"
);
