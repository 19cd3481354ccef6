//! Sizes and positions.

use super::{Btf, Kind, MAX_DEPTH, Type, TypeId};

/// Members looked at while searching one field: the largest kernel structs have a few hundred,
/// anonymous ones nested a few deep.
const MEMBER_BUDGET: u32 = 100_000;

/// Where a field lies in a struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldPos {
    /// Bytes from the start of the outermost struct; for a bit field, of the byte its lowest bit
    /// is in.
    pub offset: u32,
    /// For a bit field: its lowest bit, counted from bit 0 of the byte at `offset`, and its width.
    pub bits: Option<(u32, u32)>,
    /// Size of the field's type in bytes.
    pub size: u32,
    pub type_id: TypeId,
}

impl Btf {
    /// Size of a struct or union in bytes.
    pub fn struct_size(&self, name: &str) -> Option<u32> {
        self.structure(name)?.size()
    }

    /// A struct or union by its name, or by that of a typedef of it.
    pub fn structure(&self, name: &str) -> Option<Type<'_>> {
        self.find(name, |kind| matches!(kind, Kind::Struct | Kind::Union)).or_else(|| {
            let alias = self.find(name, |kind| kind == Kind::Typedef)?;
            self.resolve(alias.id())
                .filter(|found| matches!(found.kind(), Kind::Struct | Kind::Union))
        })
    }

    /// Where `path` ("state", "se.vruntime") lies in a struct. Members of anonymous structs and
    /// unions are found as if they were the outer struct's own, as in C.
    pub fn field(&self, structure: &str, path: &str) -> Option<FieldPos> {
        self.field_of(self.structure(structure)?.id(), path)
    }

    /// As [`Btf::field`], for a struct known by number (an anonymous one, say).
    pub fn field_of(&self, structure: TypeId, path: &str) -> Option<FieldPos> {
        let mut budget = MEMBER_BUDGET;
        let mut current = structure;
        let mut bit_offset = 0u32;
        let mut bit_size = 0;
        for name in path.split('.') {
            let outer = self.resolve(current)?;
            let (position, width, type_id) = self.member(outer, name, 0, &mut budget)?;
            bit_offset = bit_offset.checked_add(position)?;
            bit_size = width;
            current = type_id;
        }
        let bits = (bit_size != 0).then_some((bit_offset % 8, bit_size));
        let size = self.size_of(current).unwrap_or_default();
        Some(FieldPos { offset: bit_offset / 8, bits, size, type_id: current })
    }

    /// Bit offset, bit width and type of a member, through anonymous members.
    fn member(
        &self,
        outer: Type<'_>,
        name: &str,
        depth: u32,
        budget: &mut u32,
    ) -> Option<(u32, u32, TypeId)> {
        if depth > MAX_DEPTH || name.is_empty() {
            return None;
        }
        for member in outer.members() {
            *budget = budget.checked_sub(1)?;
            if member.name == name {
                return Some((member.bit_offset, member.bit_size, member.type_id));
            }
            if member.name.is_empty()
                && let Some(inner) = self.resolve(member.type_id)
                && let Some((offset, width, type_id)) = self.member(inner, name, depth + 1, budget)
            {
                return Some((member.bit_offset.checked_add(offset)?, width, type_id));
            }
        }
        None
    }

    /// Size of a type in bytes: `None` for `void`, functions and forward declarations. Pointers
    /// have 8 bytes: komod's targets are 64-bit.
    pub fn size_of(&self, id: TypeId) -> Option<u32> {
        let mut elements = 1u32;
        let mut current = self.resolve(id)?;
        for _ in 0..MAX_DEPTH {
            match current.kind() {
                Kind::Array => {
                    elements = elements.checked_mul(current.array_len()?)?;
                    current = self.resolve(current.target()?)?;
                }
                Kind::Ptr => return elements.checked_mul(8),
                Kind::Var => current = self.resolve(current.target()?)?,
                _ => return elements.checked_mul(current.size()?),
            }
        }
        None
    }
}
