//! One node of an index.

use super::{Problem, Value};
use memchr::memchr;

/// Flags of a reference: what the node it leads to has.
const PREFIX: u32 = 0x8000_0000;
const CHILDREN: u32 = 0x2000_0000;
const VALUES: u32 = 0x4000_0000;
/// The offset of the node.
const OFFSET: u32 = 0x0FFF_FFFF;
/// A reference takes four bytes, so does a priority or a count.
const WORD: usize = 4;
/// The shortest value: a priority and a NUL.
const SHORTEST: usize = WORD + 1;

/// What is wrong, and where.
pub type Wrong = (usize, Problem);

/// The word at an offset.
pub fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    let word = bytes.get(offset..)?.first_chunk::<WORD>()?;
    Some(u32::from_be_bytes(*word))
}

/// Where a node is, and what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference(u32);

impl Reference {
    pub fn new(word: u32) -> Self {
        Self(word)
    }

    fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    /// Where the node starts; `None` if there is no node.
    fn offset(self) -> Option<usize> {
        match self.0 & OFFSET {
            0 => None,
            offset => usize::try_from(offset).ok(),
        }
    }
}

/// A node that was read.
#[derive(Debug, Clone, Copy)]
pub struct Node<'i> {
    pub offset: usize,
    pub prefix: &'i [u8],
    /// The byte of the first child.
    first: u8,
    /// References to the children.
    children: &'i [u8],
    /// Values and all that follows them in the file.
    values: &'i [u8],
    count: u32,
}

impl<'i> Node<'i> {
    /// The node that a reference leads to. Its values are not looked at yet.
    pub fn read(bytes: &'i [u8], reference: Reference) -> Result<Option<Self>, Wrong> {
        let Some(offset) = reference.offset() else { return Ok(None) };
        let mut at = offset;
        let past_end = |at| (at, Problem::PastEnd);
        let mut node = Node { offset, prefix: &[], first: 0, children: &[], values: &[], count: 0 };
        if reference.has(PREFIX) {
            let rest = bytes.get(at..).ok_or(past_end(at))?;
            let length = memchr(0, rest).ok_or(past_end(at))?;
            node.prefix = &rest[..length];
            at += length + 1;
        }
        if reference.has(CHILDREN) {
            let rest = bytes.get(at..).ok_or(past_end(at))?;
            let [first, last, rest @ ..] = rest else { return Err(past_end(at)) };
            let wrong = (at, Problem::Children(*first, *last));
            let length = (usize::from(last.checked_sub(*first).ok_or(wrong)?) + 1) * WORD;
            node.first = *first;
            node.children = rest.get(..length).ok_or(past_end(at))?;
            at += 2 + length;
        }
        if reference.has(VALUES) {
            node.count = word(bytes, at).ok_or(past_end(at))?;
            let rest = &bytes[at + WORD..];
            let most = rest.len() / SHORTEST;
            if usize::try_from(node.count).is_ok_and(|count| count > most) {
                return Err((at, Problem::Values(node.count)));
            }
            node.values = rest;
        }
        Ok(Some(node))
    }

    /// Where the child of this byte is.
    pub fn child(&self, byte: u8) -> Reference {
        let place = byte.checked_sub(self.first).map(|place| usize::from(place) * WORD);
        Reference(place.and_then(|place| word(self.children, place)).unwrap_or(0))
    }

    /// The first child whose byte is `from` or higher, with its byte.
    pub fn child_from(&self, from: u16) -> Option<(u8, Reference)> {
        let start = usize::from(from.saturating_sub(u16::from(self.first)));
        let (words, _) = self.children.as_chunks::<WORD>();
        let present = |(place, word): (usize, &[u8; WORD])| {
            let reference = Reference(u32::from_be_bytes(*word));
            reference.offset()?;
            Some((u8::try_from(place + usize::from(self.first)).ok()?, reference))
        };
        words.iter().enumerate().skip(start).find_map(present)
    }

    /// It has values: a key ends here.
    pub fn has_values(&self) -> bool {
        self.count > 0
    }

    /// Its values, in the file's order: that of their priorities.
    pub fn values(&self) -> Values<'i> {
        Values { rest: self.values, left: self.count, node: self.offset }
    }
}

/// The values of a node. Ends after the first that is damaged.
pub struct Values<'i> {
    rest: &'i [u8],
    left: u32,
    node: usize,
}

impl<'i> Iterator for Values<'i> {
    type Item = Result<Value<'i>, Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let Some((priority, rest)) = self.rest.split_first_chunk::<WORD>() else {
            self.left = 0;
            return Some(Err((self.node, Problem::PastEnd)));
        };
        let Some(length) = memchr(0, rest) else {
            self.left = 0;
            return Some(Err((self.node, Problem::PastEnd)));
        };
        self.rest = &rest[length + 1..];
        Some(Ok(Value { priority: u32::from_be_bytes(*priority), text: &rest[..length] }))
    }
}

/// How many bytes may still be read: of nodes, or of keys. In a sound file each node is reached by
/// one way, so all of them together are no larger than the file.
pub struct Budget(usize);

/// The keys of a file may have so many times its bytes, as they share what they begin with. Those of
/// Debian's modules.alias.bin (6.1) have two thirds.
const SHARED: usize = 16;

impl Budget {
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes.len())
    }

    /// For keys.
    pub fn of_patterns(bytes: &[u8]) -> Self {
        Self(bytes.len().saturating_mul(SHARED))
    }

    /// For a key that is compared as a pattern.
    pub fn spend_pattern(&mut self, node: &Node<'_>, key: &[u8]) -> Result<(), Wrong> {
        self.0 = self.0.checked_sub(key.len()).ok_or((node.offset, Problem::Patterns))?;
        Ok(())
    }

    /// For a node without its values.
    pub fn spend_node(&mut self, node: &Node<'_>) -> Result<(), Wrong> {
        self.spend(node.prefix.len() + node.children.len() + 1, node.offset)
    }

    /// For a value of a node.
    pub fn spend_value(&mut self, node: &Node<'_>, value: Value<'_>) -> Result<(), Wrong> {
        self.spend(value.text.len() + SHORTEST, node.offset)
    }

    fn spend(&mut self, size: usize, offset: usize) -> Result<(), Wrong> {
        self.0 = self.0.checked_sub(size).ok_or((offset, Problem::Circular))?;
        Ok(())
    }
}
