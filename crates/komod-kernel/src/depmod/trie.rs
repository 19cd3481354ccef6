//! Writing a binary index: a Patricia trie, all numbers big-endian.
//!
//! ```text
//! index  = magic:u32 version:u32 root:ref node*        root is 12 | flags, also of an empty index
//! ref    = flags:4 bits, offset:28 bits                offset 0: no node
//! node   = [prefix bytes NUL]                          PREFIX
//!          [first:u8 last:u8 ref*(last-first+1)]       CHILDREN, by their next byte
//!          [count:u32 (priority:u32 bytes NUL)*count]  VALUES
//! ```
//! What a node has is told by the flags of the reference to it. The byte that leads to a child is
//! not in the child's prefix. The root has no prefix, even if all keys begin alike. For the keys
//! `ab`, `abc` and `xyz`:
//!
//! ```text
//! root ─a─ "b" [values of ab] ─c─ "" [values of abc]
//!      └x─ "yz" [values of xyz]
//! ```
//! Since kmod 34 a node stands before its children (earlier: behind them); readers follow the
//! references and take both. Values stand by ascending priority, of equal ones the newest first.

use super::error::DepmodError;

const MAGIC: u32 = 0xB007_F457;
/// Version 2.1; readers want the upper half.
const VERSION: u32 = 0x0002_0001;
const PREFIX: u32 = 0x8000_0000;
const VALUES: u32 = 0x4000_0000;
const CHILDREN: u32 = 0x2000_0000;
/// Offsets have 28 bits.
const LIMIT: usize = 1 << 28;
/// Keys and values are ASCII: a node has children for the bytes below this.
pub const FIRST_BAD_BYTE: u8 = 0x80;

/// A key with one of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key, of ASCII without NUL.
    pub key: &'a [u8],
    /// Lower ones count first.
    pub priority: u32,
    /// The value, without NUL.
    pub value: &'a [u8],
}

/// A part of the sorted entries that gets a node.
struct Part {
    from: usize,
    to: usize,
    /// So many bytes of their keys are known from the way here.
    depth: usize,
    /// Where the reference to the node belongs.
    slot: usize,
}

/// The entries by key and priority, of equal ones the newest first.
fn sorted(entries: Vec<Entry<'_>>) -> Vec<Entry<'_>> {
    // The start of a key as a number tells most keys apart without another look into memory.
    let start = |key: &[u8]| {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(key).for_each(|(byte, of_key)| *byte = *of_key);
        u128::from_be_bytes(bytes)
    };
    let mut order: Vec<_> = entries.iter().rev().map(|entry| (start(entry.key), entry)).collect();
    order.sort_by(|(a_start, a), (b_start, b)| {
        a_start.cmp(b_start).then_with(|| (a.key, a.priority).cmp(&(b.key, b.priority)))
    });
    order.into_iter().map(|(_, entry)| *entry).collect()
}

/// The index `file` of these entries, given in the order in which kmod would insert them.
pub fn write(file: &'static str, entries: Vec<Entry<'_>>) -> Result<Vec<u8>, DepmodError> {
    let entries = sorted(entries);
    let sizes = entries.iter().map(|entry| entry.value.len() + 64);
    let mut out = Vec::with_capacity(sizes.sum::<usize>().min(LIMIT));
    for word in [MAGIC, VERSION, 0] {
        out.extend(word.to_be_bytes());
    }
    let mut open = vec![Part { from: 0, to: entries.len(), depth: 0, slot: 8 }];
    while let Some(part) = open.pop() {
        let offset = out.len();
        if offset >= LIMIT {
            return Err(DepmodError::IndexTooLarge { file, limit: LIMIT });
        }
        let flags = node(&mut out, &mut open, &entries, &part);
        // Below the limit, so it fits.
        let reference = flags | u32::try_from(offset).unwrap_or_default();
        if let Some(slot) = out.get_mut(part.slot..).and_then(<[u8]>::first_chunk_mut) {
            *slot = reference.to_be_bytes();
        }
    }
    Ok(out)
}

/// Writes the node of a part and opens those of its children, the first one last.
fn node(out: &mut Vec<u8>, open: &mut Vec<Part>, entries: &[Entry<'_>], part: &Part) -> u32 {
    let mut flags = 0;
    let all = entries.get(part.from..part.to).unwrap_or_default();
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return flags };
    let prefix = match part.slot {
        8 => &[],
        _ => shared(first.key, last.key, part.depth),
    };
    let depth = part.depth + prefix.len();
    if !prefix.is_empty() {
        flags |= PREFIX;
        out.extend_from_slice(prefix);
        out.push(0);
    }
    let ending = all.iter().take_while(|entry| entry.key.len() == depth).count();
    let (values, below) = all.split_at_checked(ending).unwrap_or_default();
    let byte = |entry: &Entry<'_>| entry.key.get(depth).copied().unwrap_or_default();
    if let (Some(first), Some(last)) = (below.first().map(byte), below.last().map(byte)) {
        flags |= CHILDREN;
        out.extend([first, last]);
        let slots = out.len();
        out.resize(slots + 4 * (usize::from(last - first) + 1), 0);
        let opened = open.len();
        let mut from = part.from + ending;
        for children in below.chunk_by(|a, b| byte(a) == byte(b)) {
            let to = from + children.len();
            let child = usize::from(children.first().map_or(first, byte) - first);
            open.push(Part { from, to, depth: depth + 1, slot: slots + 4 * child });
            from = to;
        }
        if let Some(children) = open.get_mut(opened..) {
            children.reverse();
        }
    }
    if !values.is_empty() {
        flags |= VALUES;
        out.extend(u32::try_from(values.len()).unwrap_or(u32::MAX).to_be_bytes());
        for value in values {
            out.extend(value.priority.to_be_bytes());
            out.extend_from_slice(value.value);
            out.push(0);
        }
    }
    flags
}

/// What two keys share from `depth` on.
fn shared<'k>(first: &'k [u8], last: &[u8], depth: usize) -> &'k [u8] {
    let rest = first.get(depth..).unwrap_or_default();
    let other = last.get(depth..).unwrap_or_default();
    let len = rest.iter().zip(other).take_while(|(a, b)| a == b).count();
    rest.get(..len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &'static str, priority: u32, value: &'static str) -> Entry<'static> {
        Entry { key: key.as_bytes(), priority, value: value.as_bytes() }
    }

    #[test]
    fn an_empty_index_has_a_bare_root() {
        let bytes = write("x", Vec::new()).unwrap();
        assert_eq!(bytes, [0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0, 0, 0, 12]);
    }

    #[test]
    fn nodes_stand_before_their_children() {
        let entries = vec![entry("xyz", 0, ""), entry("abc", 1, "v"), entry("ab", 2, "w")];
        let bytes = write("x", entries).unwrap();
        let mut expected = vec![0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0x20, 0, 0, 12, b'a', b'x'];
        // 24 slots, the first and the last used.
        expected.extend([0xe0, 0, 0, 110]);
        expected.extend([0; 22 * 4]);
        expected.extend([0xc0, 0, 0, 138]);
        expected.extend(*b"b\0cc\x40\0\0\x81\0\0\0\x01\0\0\0\x02w\0");
        expected.extend(*b"\0\0\0\x01\0\0\0\x01v\0");
        expected.extend(*b"yz\0\0\0\0\x01\0\0\0\0\0");
        let at = 110 + 2 + 2;
        expected[at..at + 4].copy_from_slice(&[0x40, 0, 0, 128]);
        assert_eq!(bytes.len(), expected.len());
        assert_eq!(bytes, expected);
    }

    #[test]
    fn values_stand_by_priority_then_newest_first() {
        let entries =
            vec![entry("", 7, "a"), entry("", 3, "b"), entry("", 7, "c"), entry("", 7, "a")];
        let bytes = write("x", entries).unwrap();
        assert_eq!(bytes[8..12], [0x40, 0, 0, 12]);
        let values = b"\0\0\0\x04\0\0\0\x03b\0\0\0\0\x07a\0\0\0\0\x07c\0\0\0\0\x07a\0";
        assert_eq!(bytes[12..], values[..]);
    }

    #[test]
    fn a_deep_chain_needs_no_stack() {
        let long = "a".repeat(20_000);
        let keys: Vec<&[u8]> = (0..20_000).map(|len| &long.as_bytes()[..len]).collect();
        let entries = keys.iter().map(|key| Entry { key, priority: 0, value: b"" });
        let bytes = write("x", entries.collect()).unwrap();
        // Each node: two bytes, a slot, a count, a priority, an empty value; the last has no child.
        assert_eq!(bytes.len(), 12 + 20_000 * 15 - 6);
    }
}
