//! All keys of an index in order.

use super::node::{Budget, Node, Reference, Wrong};
use super::{Index, IndexError, Value};

impl Index {
    /// Calls `each` with every key and value, in order of keys (as bytes).
    pub fn for_each(&self, mut each: impl FnMut(&[u8], Value<'_>)) -> Result<(), IndexError> {
        let mut budget = Budget::of(&self.bytes);
        let mut walk = Walk::below(self, self.root, &[]);
        let mut go = || {
            while let Some((key, node)) = walk.next(&mut budget)? {
                for value in node.values() {
                    let value = value?;
                    budget.spend_value(&node, value)?;
                    each(key, value);
                }
            }
            Ok(())
        };
        go().map_err(|wrong| self.damaged(wrong))
    }
}

/// A walk over the nodes below a reference: a node, then its children in order.
pub struct Walk<'i> {
    bytes: &'i [u8],
    /// The key up to the current node.
    key: Vec<u8>,
    /// The nodes that the current one lies below, with itself. No recursion: a file decides how
    /// many they are.
    above: Vec<Level<'i>>,
    /// A node that was not entered yet.
    start: Option<Reference>,
}

struct Level<'i> {
    node: Node<'i>,
    /// The length of the key with the node's prefix.
    length: usize,
    /// The byte of the next child.
    next: u16,
}

impl<'i> Walk<'i> {
    /// Over the keys below `reference`, which start with `before`.
    pub fn below(index: &'i Index, reference: Reference, before: &[u8]) -> Self {
        Self {
            bytes: &index.bytes,
            key: before.to_vec(),
            above: Vec::new(),
            start: Some(reference),
        }
    }

    /// The next node with its key.
    pub fn next(&mut self, budget: &mut Budget) -> Result<Option<(&[u8], Node<'i>)>, Wrong> {
        let reference = match self.start.take() {
            Some(reference) => reference,
            None => match self.step() {
                Some(reference) => reference,
                None => return Ok(None),
            },
        };
        let Some(node) = Node::read(self.bytes, reference)? else { return Ok(None) };
        budget.spend_node(&node)?;
        self.key.extend_from_slice(node.prefix);
        self.above.push(Level { node, length: self.key.len(), next: 0 });
        Ok(Some((&self.key, node)))
    }

    /// To the next child of the current node, or of the nearest above that has one.
    fn step(&mut self) -> Option<Reference> {
        loop {
            let level = self.above.last_mut()?;
            self.key.truncate(level.length);
            if let Some((byte, reference)) = level.node.child_from(level.next) {
                level.next = u16::from(byte) + 1;
                self.key.push(byte);
                return Some(reference);
            }
            self.above.pop();
        }
    }
}
