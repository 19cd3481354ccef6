//! A key in an index, and the patterns in an index that match a key.

use super::node::{Budget, Node, Reference, Wrong};
use super::walk::Walk;
use super::{Index, IndexError, Value};
use crate::fnmatch::fnmatch;

/// What starts a pattern. Elsewhere in a trie keys are compared byte for byte.
const SPECIAL: [u8; 3] = *b"*?[";

impl Index {
    /// The first value of this key.
    pub fn first(&self, key: &[u8]) -> Result<Option<Value<'_>>, IndexError> {
        let find = || {
            let Some(node) = self.node_of(key)? else { return Ok(None) };
            node.values().next().transpose()
        };
        find().map_err(|wrong| self.damaged(wrong))
    }

    /// The values of all keys that match `text`, taken as patterns, by priority. Of the same
    /// priority those found last come first, as in kmod.
    pub fn matching(&self, text: &[u8]) -> Result<Vec<Value<'_>>, IndexError> {
        let (budget, patterns) = (Budget::of(&self.bytes), Budget::of_patterns(&self.bytes));
        let mut search = Search { index: self, text, budget, patterns, found: vec![] };
        search.run().map_err(|wrong| self.damaged(wrong))?;
        let mut found = search.found;
        found.reverse();
        found.sort_by_key(|value| value.priority);
        Ok(found)
    }

    fn node_of(&self, key: &[u8]) -> Result<Option<Node<'_>>, Wrong> {
        let mut rest = key;
        let mut reference = self.root;
        loop {
            let Some(node) = Node::read(&self.bytes, reference)? else { return Ok(None) };
            let Some(behind) = rest.strip_prefix(node.prefix) else { return Ok(None) };
            let Some((&byte, behind)) = behind.split_first() else { return Ok(Some(node)) };
            // Each step takes a byte of the key: circles end with it.
            reference = node.child(byte);
            rest = behind;
        }
    }
}

struct Search<'i, 't> {
    index: &'i Index,
    text: &'t [u8],
    budget: Budget,
    /// For the patterns that are tried.
    patterns: Budget,
    found: Vec<Value<'i>>,
}

impl Search<'_, '_> {
    /// Follows the text byte for byte and looks on the way at each pattern that starts there.
    fn run(&mut self) -> Result<(), Wrong> {
        let mut rest = self.text;
        let mut reference = self.index.root;
        loop {
            let Some(node) = Node::read(&self.index.bytes, reference)? else { return Ok(()) };
            for (place, byte) in node.prefix.iter().enumerate() {
                if SPECIAL.contains(byte) {
                    return self.collect(reference, &[], place, &rest[place..]);
                }
                if rest.get(place) != Some(byte) {
                    return Ok(());
                }
            }
            rest = &rest[node.prefix.len()..];
            for special in SPECIAL {
                self.collect(node.child(special), &[special], 0, rest)?;
            }
            let Some((&byte, behind)) = rest.split_first() else {
                for value in node.values() {
                    self.found.push(value?);
                }
                return Ok(());
            };
            reference = node.child(byte);
            rest = behind;
        }
    }

    /// The values below a reference whose keys match `text`. A key starts with `before`; its first
    /// `skipped` bytes do not count.
    fn collect(
        &mut self,
        reference: Reference,
        before: &[u8],
        skipped: usize,
        text: &[u8],
    ) -> Result<(), Wrong> {
        let mut walk = Walk::below(self.index, reference, before);
        while let Some((key, node)) = walk.next(&mut self.budget)? {
            if !node.has_values() {
                continue;
            }
            self.patterns.spend_pattern(&node, key)?;
            if key.get(skipped..).is_some_and(|pattern| fnmatch(pattern, text)) {
                for value in node.values() {
                    let value = value?;
                    self.budget.spend_value(&node, value)?;
                    self.found.push(value);
                }
            }
        }
        Ok(())
    }
}
