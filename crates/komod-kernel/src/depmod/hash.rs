//! Paul Hsieh's SuperFastHash (www.azillionmonkeys.com/qed/hash.html), which decides the order of
//! modules and symbols in the indexes: kmod writes them in the order of its hash tables.

/// Buckets of the table of modules.
pub const MODULE_BUCKETS: u32 = 512;
/// Buckets of the table of symbols.
pub const SYMBOL_BUCKETS: u32 = 2048;

/// Where a name stands in a walk over a table: by bucket, then by its bytes.
pub fn place(name: &[u8], buckets: u32) -> (u32, &[u8]) {
    (superfast(name) & (buckets - 1), name)
}

/// The hash of a name.
pub fn superfast(name: &[u8]) -> u32 {
    // Names are shorter than a path, so the length always fits.
    let mut hash = u32::try_from(name.len()).unwrap_or(u32::MAX);
    let (blocks, rest) = name.as_chunks::<4>();
    for &[a, b, c, d] in blocks {
        hash = hash.wrapping_add(pair(a, b));
        let mixed = (pair(c, d) << 11) ^ hash;
        hash = (hash << 16) ^ mixed;
        hash = hash.wrapping_add(hash >> 11);
    }
    match *rest {
        [a, b, c] => {
            hash = hash.wrapping_add(pair(a, b));
            hash ^= hash << 16;
            hash ^= signed(c) << 18;
            hash = hash.wrapping_add(hash >> 11);
        }
        [a, b] => {
            hash = hash.wrapping_add(pair(a, b));
            hash ^= hash << 11;
            hash = hash.wrapping_add(hash >> 17);
        }
        [a] => {
            hash = hash.wrapping_add(signed(a));
            hash ^= hash << 10;
            hash = hash.wrapping_add(hash >> 1);
        }
        _ => {}
    }
    hash ^= hash << 3;
    hash = hash.wrapping_add(hash >> 5);
    hash ^= hash << 4;
    hash = hash.wrapping_add(hash >> 17);
    hash ^= hash << 25;
    hash.wrapping_add(hash >> 6)
}

fn pair(low: u8, high: u8) -> u32 {
    u32::from(u16::from_le_bytes([low, high]))
}

/// A byte as a signed number, as the published function reads the last one.
fn signed(byte: u8) -> u32 {
    i32::from(byte.cast_signed()).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which Debian's kmod 30 lists these modules without a modules.order.
    #[test]
    fn the_order_is_kmods() {
        let mut names: Vec<&[u8]> = vec![b"a_x", b"b", b"c", b"z"];
        names.sort_by_key(|name| place(name, MODULE_BUCKETS));
        assert_eq!(names, [&b"z"[..], b"c", b"b", b"a_x"]);
    }

    #[test]
    fn every_length_of_the_tail_differs() {
        let hashes: Vec<u32> = (0..9).map(|len| superfast(&b"abcdefgh"[..len])).collect();
        for (at, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..at].contains(hash), "{at}");
        }
    }
}
