//! BTF: the kernel's own description of its types.
//!
//! A kernel with `CONFIG_DEBUG_INFO_BTF` carries a compact form of its debug information in the
//! section `.BTF`: every struct with the offset of every member, every enumeration, every function
//! prototype. komod takes all layouts from here, never from headers, so one binary serves every
//! kernel:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use komod_kernel::btf::Btf;
//! let btf = Btf::parse(std::fs::read("/sys/kernel/btf/vmlinux")?)?;
//! let comm = btf.field("task_struct", "comm").ok_or("no comm")?;
//! println!("comm: {} bytes at {}", comm.size, comm.offset);
//! # Ok(()) }
//! ```
//!
//! The format is read in place: a [`Btf`] is the section's bytes plus an index (where each type
//! begins, and a hash table of names), which can itself come from a file.
//!
//! Source: Linux 6.12 `Documentation/bpf/btf.rst`, `include/uapi/linux/btf.h`.

mod index;
mod layout;
mod named;
mod prototype;
mod render;
mod types;

use std::sync::Arc;

use crate::le;
use crate::map::Bytes;

pub use layout::FieldPos;
pub use prototype::{FuncProto, TypeClass};
pub use types::{Enumerator, Kind, Member, Param, Type};

use index::Index;

/// Number of a type; 0 is `void`.
pub type TypeId = u32;

const MAGIC: u16 = 0xeb9f;
/// Size of the header of version 1.
const HEADER: usize = 24;
/// References are followed so far and no further: real chains (pointers to pointers to typedefs
/// to …) are a handful long, a cycle would never end.
const MAX_DEPTH: u32 = 64;

/// Why bytes are not usable BTF.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BtfError {
    #[error("BTF is cut off: {found} bytes where {wanted} are needed")]
    Truncated { found: usize, wanted: u64 },
    #[error("not BTF: magic {found:#06x} where 0xeb9f should be")]
    Magic { found: u16 },
    #[error("BTF of the other byte order")]
    ByteOrder,
    #[error("BTF version {version} is not known (1 is)")]
    Version { version: u8 },
    #[error("BTF strings do not begin and end with a NUL byte")]
    Strings,
    #[error("BTF type {id} at offset {offset:#x} is of kind {kind}, which is not known")]
    Kind { id: TypeId, offset: usize, kind: u8 },
    #[error("BTF type {id} at offset {offset:#x} is cut off")]
    TypeCut { id: TypeId, offset: usize },
    #[error("BTF index does not belong to this BTF")]
    Index,
}

/// The types of a kernel, or of a module on top of its kernel's. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Btf {
    data: Bytes,
    types: std::ops::Range<usize>,
    strings: std::ops::Range<usize>,
    index: Index,
    /// What a module's ("split") BTF continues: ids and string offsets count on from its ends.
    base: Option<Arc<Btf>>,
    first_id: TypeId,
    first_string: usize,
}

impl Btf {
    /// Reads a kernel's BTF and indexes it.
    pub fn parse(data: impl Into<Bytes>) -> Result<Self, BtfError> {
        Self::new(data.into(), None, None)
    }

    /// Reads a module's BTF, whose types refer to those of `base`.
    pub fn parse_split(data: impl Into<Bytes>, base: &Btf) -> Result<Self, BtfError> {
        Self::new(data.into(), Some(Arc::new(base.clone())), None)
    }

    /// Reads a kernel's BTF with an index made earlier by [`Btf::index_bytes`].
    pub fn with_index(data: Bytes, index: Bytes) -> Result<Self, BtfError> {
        Self::new(data, None, Some(index))
    }

    fn new(data: Bytes, base: Option<Arc<Btf>>, index: Option<Bytes>) -> Result<Self, BtfError> {
        let (types, strings) = sections(&data)?;
        let first_id = base.as_ref().map_or(1, |base| base.end_id());
        let first_string = base.as_ref().map_or(0, |base| base.end_string());
        let text = data.get(strings.clone()).unwrap_or_default();
        // Split BTF may have no strings of its own; a kernel's begin with the empty one.
        let begins = base.is_some() || text.first() == Some(&0);
        if !begins || text.last().is_some_and(|&byte| byte != 0) {
            return Err(BtfError::Strings);
        }
        let mut btf =
            Self { data, types, strings, index: Index::default(), base, first_id, first_string };
        btf.index = match index {
            Some(bytes) => Index::open(bytes, &btf)?,
            None => Index::build(&btf)?,
        };
        Ok(btf)
    }

    /// The section's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.data
    }

    /// The index in its file format, for [`Btf::with_index`].
    pub fn index_bytes(&self) -> &[u8] {
        self.index.as_bytes()
    }

    /// Number of types, with those of the base, without `void`.
    pub fn len(&self) -> usize {
        (self.end_id() - 1) as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A type by its number; `None` for 0 (`void`) and numbers that are not there.
    pub fn get(&self, id: TypeId) -> Option<Type<'_>> {
        if id < self.first_id {
            return self.base.as_ref()?.get(id);
        }
        let offset = self.index.offset(id - self.first_id)?;
        Type::read(self, id, offset).ok().map(|(found, _)| found)
    }

    /// The types of this BTF, without those of its base.
    pub fn iter(&self) -> impl Iterator<Item = Type<'_>> {
        (self.first_id..self.end_id()).filter_map(|id| self.get(id))
    }

    /// The first type with a name and a kind that `wanted` accepts. A module's own types come
    /// before its kernel's.
    pub fn find(&self, name: &str, wanted: impl Fn(Kind) -> bool) -> Option<Type<'_>> {
        self.find_dyn(name, &wanted)
    }

    fn find_dyn(&self, name: &str, wanted: &dyn Fn(Kind) -> bool) -> Option<Type<'_>> {
        let own = self.index.candidates(name).find_map(|(id, item)| {
            let found = self.get(id).filter(|_| item.is_none())?;
            (wanted(found.kind()) && found.name() == name).then_some(found)
        });
        own.or_else(|| self.base.as_ref()?.find_dyn(name, wanted))
    }

    /// The value of an enumerator, in the named enumeration or in any. Values of 64-bit unsigned
    /// enumerations above `i64::MAX` appear negative.
    pub fn enum_value(&self, enumeration: Option<&str>, name: &str) -> Option<i64> {
        let own = self.index.candidates(name).find_map(|(id, item)| {
            let found = self.get(id)?;
            if enumeration.is_some_and(|wanted| found.name() != wanted) {
                return None;
            }
            let enumerator = found.enumerator(item?)?;
            (enumerator.name == name).then_some(enumerator.value)
        });
        own.or_else(|| self.base.as_ref()?.enum_value(enumeration, name))
    }

    /// Strips typedefs, `const`, `volatile`, `restrict` and tags. `None` is `void`.
    pub fn resolve(&self, id: TypeId) -> Option<Type<'_>> {
        let mut current = self.get(id)?;
        for _ in 0..MAX_DEPTH {
            match current.kind() {
                Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag => {
                    current = self.get(current.target()?)?;
                }
                _ => return Some(current),
            }
        }
        None
    }

    /// One past the highest type number.
    fn end_id(&self) -> TypeId {
        self.first_id.saturating_add(self.index.len())
    }

    fn end_string(&self) -> usize {
        self.first_string.saturating_add(self.strings.len())
    }

    /// The bytes of the string at `offset`; empty if there is none.
    fn string_bytes(&self, offset: u32) -> &[u8] {
        let Some(own) = (offset as usize).checked_sub(self.first_string) else {
            return self.base.as_ref().map_or(&[], |base| base.string_bytes(offset));
        };
        let strings = self.data.get(self.strings.clone()).unwrap_or_default();
        le::c_str(strings, own).unwrap_or_default()
    }

    fn string(&self, offset: u32) -> &str {
        std::str::from_utf8(self.string_bytes(offset)).unwrap_or_default()
    }

    fn type_section(&self) -> &[u8] {
        self.data.get(self.types.clone()).unwrap_or_default()
    }
}

/// The ranges of types and strings.
fn sections(data: &[u8]) -> Result<(std::ops::Range<usize>, std::ops::Range<usize>), BtfError> {
    let truncated = |wanted| BtfError::Truncated { found: data.len(), wanted };
    let field = |at| le::u32(data, at).ok_or_else(|| truncated(HEADER as u64));
    match le::u16(data, 0) {
        Some(MAGIC) => {}
        Some(0x9feb) => return Err(BtfError::ByteOrder),
        Some(found) => return Err(BtfError::Magic { found }),
        None => return Err(truncated(HEADER as u64)),
    }
    let version = data.get(2).copied().unwrap_or_default();
    if version != 1 {
        return Err(BtfError::Version { version });
    }
    let header = u64::from(field(4)?);
    let range = |offset: u32, length: u32| {
        let start = header + u64::from(offset);
        let end = start + u64::from(length);
        usize::try_from(start)
            .ok()
            .zip(usize::try_from(end).ok())
            .filter(|&(_, end)| end <= data.len())
            .map(|(start, end)| start..end)
            .ok_or_else(|| truncated(end))
    };
    if header < HEADER as u64 {
        return Err(truncated(HEADER as u64));
    }
    Ok((range(field(8)?, field(12)?)?, range(field(16)?, field(20)?)?))
}

#[cfg(test)]
mod tests;
