//! One type record and what hangs behind it.

use super::{Btf, BtfError, TypeId};
use crate::le;

/// The kinds of BTF types (`BTF_KIND_*` in Linux 6.12 `include/uapi/linux/btf.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Int,
    Ptr,
    Array,
    Struct,
    Union,
    Enum,
    Fwd,
    Typedef,
    Volatile,
    Const,
    Restrict,
    Func,
    FuncProto,
    Var,
    Datasec,
    Float,
    DeclTag,
    TypeTag,
    Enum64,
}

impl Kind {
    const ALL: [Self; 19] = [
        Self::Int,
        Self::Ptr,
        Self::Array,
        Self::Struct,
        Self::Union,
        Self::Enum,
        Self::Fwd,
        Self::Typedef,
        Self::Volatile,
        Self::Const,
        Self::Restrict,
        Self::Func,
        Self::FuncProto,
        Self::Var,
        Self::Datasec,
        Self::Float,
        Self::DeclTag,
        Self::TypeTag,
        Self::Enum64,
    ];

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// Bytes behind the common twelve: fixed, and for each of `vlen` entries.
    fn extra(self) -> (usize, usize) {
        match self {
            Self::Int | Self::Var | Self::DeclTag => (4, 0),
            Self::Array => (12, 0),
            Self::Struct | Self::Union | Self::Datasec | Self::Enum64 => (0, 12),
            Self::Enum | Self::FuncProto => (0, 8),
            _ => (0, 0),
        }
    }
}

/// A type, read in place.
#[derive(Clone, Copy)]
pub struct Type<'a> {
    btf: &'a Btf,
    id: TypeId,
    kind: Kind,
    name: u32,
    vlen: u16,
    kind_flag: bool,
    /// A size or a type number, as the kind has it.
    size_or_type: u32,
    extra: &'a [u8],
}

/// A member of a struct or union.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// Empty for an anonymous struct or union.
    pub name: &'a str,
    pub type_id: TypeId,
    /// Offset in bits from the start of the struct.
    pub bit_offset: u32,
    /// Width of a bit field, 0 for an ordinary member.
    pub bit_size: u32,
}

/// A value of an enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enumerator<'a> {
    pub name: &'a str,
    pub value: i64,
}

/// A parameter of a function prototype; the last one with no name and type 0 is `...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param<'a> {
    pub name: &'a str,
    pub type_id: TypeId,
}

impl<'a> Type<'a> {
    /// Reads the type at `offset` of the type section; also gives the offset of the next.
    pub(super) fn read(btf: &'a Btf, id: TypeId, offset: usize) -> Result<(Self, usize), BtfError> {
        let data = btf.type_section();
        let cut = BtfError::TypeCut { id, offset };
        let (Some(name), Some(info), Some(size_or_type)) =
            (le::u32(data, offset), le::u32(data, offset + 4), le::u32(data, offset + 8))
        else {
            return Err(cut);
        };
        let number = (info >> 24 & 0x1f) as u8;
        let kind = Kind::from_number(number).ok_or(BtfError::Kind { id, offset, kind: number })?;
        let vlen = info as u16;
        let (fixed, each) = kind.extra();
        let start = offset + 12;
        let end = start + fixed + each * usize::from(vlen);
        let extra = data.get(start..end).ok_or(cut)?;
        let kind_flag = info >> 31 == 1;
        Ok((Self { btf, id, kind, name, vlen, kind_flag, size_or_type, extra }, end))
    }

    pub fn id(&self) -> TypeId {
        self.id
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The name without `struct`, `union` or `enum`; empty if anonymous.
    pub fn name(&self) -> &'a str {
        self.btf.string(self.name)
    }

    pub(super) fn name_bytes(&self) -> &'a [u8] {
        self.btf.string_bytes(self.name)
    }

    /// Size in bytes as recorded, for the kinds that have one.
    pub fn size(&self) -> Option<u32> {
        matches!(
            self.kind,
            Kind::Int
                | Kind::Struct
                | Kind::Union
                | Kind::Enum
                | Kind::Enum64
                | Kind::Float
                | Kind::Datasec
        )
        .then_some(self.size_or_type)
    }

    /// The type referred to: what a pointer points to, a typedef names, a function returns, a
    /// function's prototype, an array's element. 0 is `void`.
    pub fn target(&self) -> Option<TypeId> {
        match self.kind {
            Kind::Array => le::u32(self.extra, 0),
            Kind::Ptr
            | Kind::Typedef
            | Kind::Volatile
            | Kind::Const
            | Kind::Restrict
            | Kind::Func
            | Kind::FuncProto
            | Kind::Var
            | Kind::DeclTag
            | Kind::TypeTag => Some(self.size_or_type),
            _ => None,
        }
    }

    /// Number of elements of an array.
    pub fn array_len(&self) -> Option<u32> {
        if self.kind == Kind::Array { le::u32(self.extra, 8) } else { None }
    }

    /// Whether an integer or enumeration is signed.
    pub fn is_signed(&self) -> bool {
        match self.kind {
            Kind::Int => self.int_bits() >> 24 & 1 == 1,
            Kind::Enum | Kind::Enum64 => self.kind_flag,
            _ => false,
        }
    }

    /// Whether an integer is a `bool`.
    pub fn is_bool(&self) -> bool {
        self.kind == Kind::Int && self.int_bits() >> 24 & 4 != 0
    }

    /// Whether a forward declaration is of a union, not a struct.
    pub(super) fn is_union_forward(&self) -> bool {
        self.kind == Kind::Fwd && self.kind_flag
    }

    fn int_bits(&self) -> u32 {
        le::u32(self.extra, 0).unwrap_or_default()
    }

    /// Members of a struct or union, none for other kinds.
    pub fn members(&self) -> impl Iterator<Item = Member<'a>> + use<'a> {
        let this = *self;
        let wanted = matches!(self.kind, Kind::Struct | Kind::Union);
        self.entries(wanted, 12).filter_map(move |entry| {
            let position = le::u32(entry, 8)?;
            let (bit_offset, bit_size) = if this.kind_flag {
                (position & 0x00ff_ffff, position >> 24)
            } else {
                (position, 0)
            };
            let name = this.btf.string(le::u32(entry, 0)?);
            Some(Member { name, type_id: le::u32(entry, 4)?, bit_offset, bit_size })
        })
    }

    /// Parameters of a function prototype, none for other kinds.
    pub fn params(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let btf = self.btf;
        self.entries(self.kind == Kind::FuncProto, 8).filter_map(move |entry| {
            Some(Param { name: btf.string(le::u32(entry, 0)?), type_id: le::u32(entry, 4)? })
        })
    }

    /// Values of an enumeration, none for other kinds.
    pub fn enumerators(&self) -> impl Iterator<Item = Enumerator<'a>> + use<'a> {
        let this = *self;
        (0..u32::from(self.vlen)).map_while(move |index| this.enumerator(index))
    }

    pub(super) fn enumerator(&self, index: u32) -> Option<Enumerator<'a>> {
        let name = self.btf.string(self.enumerator_name(index)?);
        let index = index as usize;
        let value = match self.kind {
            Kind::Enum => {
                let bits = le::u32(self.extra, index * 8 + 4)?;
                if self.kind_flag { i64::from(bits as i32) } else { i64::from(bits) }
            }
            _ => {
                let low = u64::from(le::u32(self.extra, index * 12 + 4)?);
                let high = u64::from(le::u32(self.extra, index * 12 + 8)?);
                (high << 32 | low) as i64
            }
        };
        Some(Enumerator { name, value })
    }

    /// The string offset of an enumerator's name.
    pub(super) fn enumerator_name(&self, index: u32) -> Option<u32> {
        let each = match self.kind {
            Kind::Enum => 8,
            Kind::Enum64 => 12,
            _ => return None,
        };
        le::u32(self.extra, index as usize * each)
    }

    /// String offsets of the name and of those of members, parameters and enumerators.
    pub(super) fn names(&self) -> impl Iterator<Item = u32> + use<'a> {
        let each = match self.kind {
            Kind::Struct | Kind::Union | Kind::Enum64 => 12,
            Kind::Enum | Kind::FuncProto => 8,
            _ => 0,
        };
        let entries = self.entries(each != 0, each.max(1));
        std::iter::once(self.name).chain(entries.filter_map(|entry| le::u32(entry, 0)))
    }

    /// Numbers of the types that this one refers to.
    pub fn references(&self) -> impl Iterator<Item = TypeId> + use<'a> {
        self.target()
            .into_iter()
            .chain(self.members().map(|member| member.type_id))
            .chain(self.params().map(|param| param.type_id))
    }

    fn entries(&self, wanted: bool, each: usize) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let extra = if wanted { self.extra } else { &[] };
        extra.chunks_exact(each)
    }
}

impl std::fmt::Debug for Type<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Type")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
