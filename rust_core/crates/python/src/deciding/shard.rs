//! Which of several engines decides what.

/// The shard that decides an instrument's orders, as `cift.core.shards.shard_of` says: the CRC-32 of its name.
pub fn shard_of(symbol: &str, shards: u32) -> u32 {
    let crc = symbol.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    });
    !crc % shards
}
