//! The slot of a key in a cluster.

/// How many slots every cluster has.
pub const SLOTS: u16 = 16_384;

/// The slot of this key. Where it has a `{tag}` that is not empty, the first of them alone decides.
#[inline(never)]
pub fn slot(key: &[u8]) -> u16 {
    match crc16::<true>(key) {
        Some(crc) => crc % SLOTS,
        None => slot_of_tag(key),
    }
}

#[cold]
fn slot_of_tag(key: &[u8]) -> u16 {
    crc16::<false>(tag(key).unwrap_or(key)).unwrap_or_default() % SLOTS
}

fn tag(key: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'{', key)?;
    let rest = &key[open + 1..];
    let close = memchr::memchr(b'}', rest)?;
    (close > 0).then(|| &rest[..close])
}

/// CRC-16/XMODEM: the polynomial 0x1021, from 0, nothing turned round. Eight bytes at a time: each makes something of its own of the
/// CRC, by how many of the eight are behind it. None: there is a `{`, and `WHOLE` forbids it; keys are short, and most have none.
#[inline(always)]
fn crc16<const WHOLE: bool>(bytes: &[u8]) -> Option<u16> {
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut crc = 0u16;
    for eight in eights {
        if WHOLE && has_brace(eight) {
            return None;
        }
        // What was there before is as two more bytes in the place of the first two.
        let eight = u64::from_be_bytes(*eight) ^ u64::from(crc) << 48;
        crc = 0;
        for (behind, table) in CRC_BEFORE.iter().enumerate() {
            crc ^= table[usize::from((eight >> (8 * behind)) as u8)];
        }
    }
    for byte in rest {
        if WHOLE && *byte == b'{' {
            return None;
        }
        crc = one_more(crc, *byte);
    }
    Some(crc)
}

#[inline(always)]
fn one_more(crc: u16, byte: u8) -> u16 {
    (crc << 8) ^ CRC_BEFORE[0][usize::from((crc >> 8) as u8 ^ byte)]
}

/// Whether one of them is a `{`: a byte that is zero where they differ nowhere borrows from its highest bit.
#[inline(always)]
fn has_brace(eight: &[u8; 8]) -> bool {
    let differs = u64::from_le_bytes(*eight) ^ (ONES * b'{' as u64);
    differs.wrapping_sub(ONES) & !differs & (ONES << 7) != 0
}

/// A one in each byte.
const ONES: u64 = u64::MAX / 255;

/// What a byte makes of the CRC with so many bytes of zeros behind it.
static CRC_BEFORE: [[u16; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut behind = 1;
    while behind < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[behind - 1][byte];
            tables[behind][byte] = (crc << 8) ^ tables[0][(crc >> 8) as usize];
            byte += 1;
        }
        behind += 1;
    }
    tables
};

#[cfg(test)]
mod tests {
    use super::*;

    fn crc(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0, |crc, byte| one_more(crc, *byte))
    }

    #[test]
    fn the_check_value_of_the_polynomial() {
        assert_eq!(crc(b"123456789"), 0x31c3);
        assert_eq!(crc(b""), 0);
    }

    #[test]
    fn several_bytes_at_a_time_come_to_the_same_as_one() {
        let bytes: Vec<u8> = (0..=255).chain(0..=255).collect();
        for from in 0..256 {
            for to in from..(from + 40) {
                let (some, one) = (&bytes[from..to], crc(&bytes[from..to]));
                assert_eq!(crc16::<false>(some), Some(one));
                assert_eq!(crc16::<true>(some), (!some.contains(&b'{')).then_some(one), "{from}..{to}");
            }
        }
        for near in *b"z|y}\xfb\0" {
            assert!(crc16::<true>(&[near; 19]).is_some(), "{near}");
        }
    }

    #[test]
    fn a_tag_decides_where_it_is_not_empty() {
        assert_eq!(slot(b"{user1000}.following"), slot(b"{user1000}.followers"));
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
        assert_eq!(slot(b"foo{}{bar}"), crc(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
        assert_eq!(slot(b"foo{bar}{zap}"), slot(b"bar"));
        assert_eq!(slot(b"foo}bar{"), crc(b"foo}bar{") % SLOTS);
        assert_eq!(slot(b""), 0);
        assert_eq!(slot(b"foo"), 12_182);
    }
}
