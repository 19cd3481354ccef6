//! What depmod has to know of one module.
//!
//! All of it is text, kept in one block: lists of strings one after another, each string with a NUL
//! behind it. The same block stands in the cache of `--incremental`.

use rustc_hash::FxHasher;
use std::borrow::Cow;
use std::hash::Hasher;

/// A list of strings in [`Facts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Symbols the module exports.
    Exports,
    /// Symbols it takes from others, in the order in which it names them.
    Needs,
    /// `alias=` of its modinfo.
    Aliases,
    /// `softdep=` of its modinfo.
    Softdeps,
    /// `weakdep=` of its modinfo.
    Weakdeps,
}

/// How many lists there are.
pub const LISTS: usize = 5;

/// Checksums for [`List::Exports`] and [`List::Needs`], read only for `-E`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checksums {
    /// In the order of the exports.
    pub exports: Vec<u64>,
    /// In the order of the needs; 0 where the module has none.
    pub needs: Vec<u64>,
}

/// The facts of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    strings: Cow<'a, [u8]>,
    /// Where each list ends.
    ends: [u32; LISTS],
    /// With `-E`.
    pub checksums: Checksums,
}

impl<'a> Facts<'a> {
    /// Facts of a block; `None` if its lists are not what they say.
    pub fn of_block(strings: &'a [u8], ends: [u32; LISTS]) -> Option<Facts<'a>> {
        let mut start = 0;
        for end in ends {
            let list = strings.get(start..usize::try_from(end).ok()?)?;
            if !list.is_empty() && list.last() != Some(&0) {
                return None;
            }
            start += list.len();
        }
        let checksums = Checksums::default();
        let whole = start == strings.len();
        whole.then_some(Facts { strings: Cow::Borrowed(strings), ends, checksums })
    }

    /// The block.
    pub fn block(&self) -> (&[u8], [u32; LISTS]) {
        (&self.strings, self.ends)
    }

    /// The strings of a list.
    pub fn list(&self, list: List) -> Strings<'_> {
        let end = |index: usize| self.ends.get(index).map_or(0, |end| *end as usize);
        let index = list as usize;
        let start = index.checked_sub(1).map_or(0, end);
        Strings { rest: self.strings.get(start..end(index)).unwrap_or_default() }
    }
}

/// Strings of a list.
#[derive(Clone, Debug)]
pub struct Strings<'a> {
    rest: &'a [u8],
}

impl<'a> Strings<'a> {
    /// Strings that end with a NUL each; the last may lack it.
    pub fn of(bytes: &'a [u8]) -> Strings<'a> {
        Strings { rest: bytes }
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(0, self.rest).unwrap_or(self.rest.len());
        let (string, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Some(string)
    }
}

/// Gathers the lists of a module, one after another.
#[derive(Debug, Default)]
pub struct Gathering {
    strings: Vec<u8>,
    ends: [u32; LISTS],
    /// With `-E`.
    pub checksums: Checksums,
    /// A table of the distinct strings of the list at work: their places, from 1.
    distinct: Vec<u32>,
}

impl Gathering {
    /// Nothing was gathered yet?
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }

    /// Prepares for up to so many distinct strings.
    pub fn expect_distinct(&mut self, count: usize) {
        self.distinct.clear();
        self.distinct.resize((count * 2).next_power_of_two(), 0);
    }

    /// Adds a string without NUL, unless this did so before; tells whether it is new.
    pub fn push_distinct(&mut self, string: &[u8]) -> bool {
        let mut hasher = FxHasher::default();
        hasher.write(string);
        let mask = self.distinct.len().saturating_sub(1);
        #[allow(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
        let mut slot = hasher.finish() as usize & mask;
        // The table is at most half full, so there is an end.
        while let Some(place) = self.distinct.get_mut(slot) {
            let Some(at) = place.checked_sub(1) else {
                *place = u32::try_from(self.strings.len() + 1).unwrap_or(u32::MAX);
                self.strings.extend_from_slice(string);
                self.strings.push(0);
                return true;
            };
            let known = self.strings.get(at as usize..).unwrap_or_default();
            if known.strip_prefix(string).is_some_and(|rest| rest.first() == Some(&0)) {
                return false;
            }
            slot = (slot + 1) & mask;
        }
        false
    }

    /// Adds a string to the list at work. It ends at its first NUL, if it has one.
    pub fn push(&mut self, string: &[u8]) {
        let end = memchr::memchr(0, string).unwrap_or(string.len());
        self.strings.extend_from_slice(string.get(..end).unwrap_or_default());
        self.strings.push(0);
    }

    /// Ends a list. Lists are ended in their order; one module's strings are less than 4 GiB, as its
    /// sections are limited.
    pub fn end(&mut self, list: List) {
        let end = u32::try_from(self.strings.len()).unwrap_or(u32::MAX);
        if let Some(ends) = self.ends.get_mut(list as usize..) {
            ends.fill(end);
        }
    }

    /// Throws away what was gathered, for the next module.
    pub fn clear(&mut self) {
        self.strings.clear();
        self.ends = [0; LISTS];
        self.checksums = Checksums::default();
    }

    /// The facts, in memory of their own.
    pub fn facts(&mut self) -> Facts<'static> {
        Facts {
            strings: Cow::Owned(self.strings.as_slice().to_vec()),
            ends: self.ends,
            checksums: std::mem::take(&mut self.checksums),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back() {
        let mut gathering = Gathering::default();
        gathering.push(b"a");
        gathering.end(List::Exports);
        gathering.end(List::Needs);
        gathering.push(b"");
        gathering.push(b"b\0c");
        gathering.end(List::Aliases);
        let facts = gathering.facts();
        assert_eq!(facts.list(List::Exports).collect::<Vec<_>>(), [b"a"]);
        assert_eq!(facts.list(List::Needs).count(), 0);
        assert_eq!(facts.list(List::Aliases).collect::<Vec<_>>(), [&b""[..], b"b"]);
        assert_eq!(facts.list(List::Weakdeps).count(), 0);
        let (block, ends) = facts.block();
        assert_eq!(Facts::of_block(block, ends).as_ref(), Some(&facts));
        assert_eq!(Facts::of_block(block, [1, 1, 1, 1, 1]), None);
        assert_eq!(Facts::of_block(block, [2, 1, 5, 5, 5]), None);
        assert_eq!(Facts::of_block(block, [2, 2, 9, 9, 9]), None);
    }
}
