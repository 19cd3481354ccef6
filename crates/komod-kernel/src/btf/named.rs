//! All types of one name, and whether a module's types belong to the kernel they are read with.

use super::{Btf, Type};

impl Btf {
    /// All types with this name, a module's own first. A kernel has several of one name where
    /// its source files define private ones.
    pub fn named<'a>(&'a self, name: &'a str) -> Box<dyn Iterator<Item = Type<'a>> + 'a> {
        let own = self.index.candidates(name).filter_map(move |(id, item)| {
            self.get(id).filter(|found| item.is_none() && found.name() == name)
        });
        match &self.base {
            Some(base) => Box::new(own.chain(base.named(name))),
            None => Box::new(own),
        }
    }

    /// Whether this split BTF can have been made for its base: each name of its types starts where
    /// a string starts, there or here. With another kernel's BTF, names start amid strings or
    /// behind all of them.
    pub fn fits_base(&self) -> bool {
        let starts = |offset: u32| {
            let Some(before) = offset.checked_sub(1) else { return true };
            self.holds_string(offset) && self.byte_of_string(before) == Some(0)
        };
        self.iter().all(|found| {
            found.names().all(starts) && found.references().all(|id| id < self.end_id())
        })
    }

    fn holds_string(&self, offset: u32) -> bool {
        (offset as usize) < self.end_string()
    }

    fn byte_of_string(&self, offset: u32) -> Option<u8> {
        match (offset as usize).checked_sub(self.first_string) {
            Some(own) => self.data.get(self.strings.clone())?.get(own).copied(),
            None => self.base.as_ref()?.byte_of_string(offset),
        }
    }
}
