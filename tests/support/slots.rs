//! Keys by their slot, counted by this file itself: what the library thinks of a key is what the tests are about.

use std::sync::OnceLock;

/// How many slots a cluster has.
pub const SLOTS: usize = 16_384;

/// The slot of a key: of what stands in its first braces, where there is anything, and otherwise of all of it.
pub fn slot_of(key: &str) -> usize {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    usize::from(crc(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes())) % SLOTS
}

/// What a key of this slot may have in its braces.
pub fn tag(slot: usize) -> &'static str {
    static TAGS: OnceLock<Vec<String>> = OnceLock::new();
    &TAGS.get_or_init(tags)[slot]
}

/// A key of this slot, with this after its tag.
pub fn key(slot: usize, name: impl std::fmt::Display) -> String {
    format!("{{{}}}{name}", tag(slot))
}

fn tags() -> Vec<String> {
    let (mut tags, mut missing) = (vec![String::new(); SLOTS], SLOTS);
    for number in 0u32.. {
        let text = number.to_string();
        let place = &mut tags[usize::from(crc(text.as_bytes())) % SLOTS];
        if place.is_empty() {
            *place = text;
            missing -= 1;
            if missing == 0 {
                break;
            }
        }
    }
    tags
}

/// CRC-16/XMODEM, a bit at a time.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        let crc = crc ^ u16::from(*byte) << 8;
        (0..8).fold(crc, |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}
