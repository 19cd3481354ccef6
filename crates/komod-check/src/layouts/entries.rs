//! The entries of one DWARF unit that describe types, flat, with what is needed of each.

use std::cell::Cell;

use gimli::{AttributeValue, EndianSlice, LittleEndian, UnitRef};

use super::layout::FieldKind;

pub type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// References between types are followed so far.
const MAX_DEPTH: u32 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Struct,
    Union,
    Enum,
    Member,
    Enumerator,
    Array,
    Subrange,
    /// A typedef or a qualifier.
    Alias,
    Pointer,
    Base,
}

/// An entry; what it does not have is `None`.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    offset: usize,
    pub depth: isize,
    pub what: What,
    pub name: &'a [u8],
    pub size: Option<u64>,
    pub target: Option<usize>,
    /// Bytes from the start of the struct.
    pub location: Option<u64>,
    /// Bits from the start of the struct.
    data_bit_offset: Option<u64>,
    /// DWARF 2 and 3: bits from the most significant end of the storage unit.
    old_bit_offset: Option<u64>,
    pub bit_size: Option<u64>,
    /// Its place is not told in a way that is known here.
    unplaced: bool,
    count: Option<u64>,
    pub value: i64,
    pub file: Option<u64>,
    pub declaration: bool,
}

/// The entries of a unit by offset.
#[derive(Debug, Default)]
pub struct Entries<'a> {
    pub list: Vec<Entry<'a>>,
    /// Entries that may still be looked at as children: real units look at each a few times.
    budget: Cell<usize>,
}

/// How often an entry is looked at, on the average, before a unit counts as hostile.
const LOOKS: usize = 256;

impl<'a> Entries<'a> {
    /// Reads a unit's.
    pub fn read(&mut self, unit: UnitRef<'_, Slice<'a>>) -> Result<(), gimli::Error> {
        self.list.clear();
        let mut raw = unit.entries_raw(None)?;
        while !raw.is_empty() {
            let (offset, depth) = (raw.next_offset().0, raw.next_depth());
            let Some(abbreviation) = raw.read_abbreviation()? else { continue };
            let Some(what) = what(abbreviation.tag()) else {
                raw.skip_attributes(abbreviation.attributes())?;
                continue;
            };
            let mut entry = Entry::new(offset, depth, what);
            for &spec in abbreviation.attributes() {
                let attribute = raw.read_attribute_inline(spec)?;
                entry.take(unit, attribute.name(), attribute.value())?;
            }
            self.list.push(entry);
        }
        self.budget.set(self.list.len().saturating_mul(LOOKS));
        Ok(())
    }

    /// The index of the entry at an offset.
    fn at(&self, offset: usize) -> Option<usize> {
        self.list.binary_search_by_key(&offset, |entry| entry.offset).ok()
    }

    /// The entry at an offset, typedefs and qualifiers taken away, with its index.
    pub fn resolve(&self, offset: usize) -> Option<(usize, &Entry<'a>)> {
        let mut index = self.at(offset)?;
        for _ in 0..MAX_DEPTH {
            let entry = self.list.get(index)?;
            if entry.what != What::Alias {
                return Some((index, entry));
            }
            index = self.at(entry.target?)?;
        }
        None
    }

    /// Whether all children were looked at that there are.
    pub fn is_within_budget(&self) -> bool {
        self.budget.get() > 0
    }

    /// What lies directly in the entry at `index`.
    pub fn children(&self, index: usize) -> impl Iterator<Item = &Entry<'a>> {
        let depth = self.list.get(index).map_or(isize::MAX, |entry| entry.depth);
        let rest = self.list.get(index.saturating_add(1)..).unwrap_or_default();
        rest.iter()
            .take_while(move |entry| {
                let left = self.budget.get();
                self.budget.set(left.saturating_sub(1));
                left > 0 && entry.depth > depth
            })
            .filter(move |entry| entry.depth == depth.saturating_add(1))
    }

    /// Size in bytes and kind of the type at an offset.
    pub fn size(&self, offset: usize) -> Option<(u64, FieldKind)> {
        let mut elements = 1u64;
        let mut offset = offset;
        let mut array = false;
        for _ in 0..MAX_DEPTH {
            let (index, entry) = self.resolve(offset)?;
            let (size, kind) = match entry.what {
                What::Array => {
                    array = true;
                    for range in self.children(index).filter(|c| c.what == What::Subrange) {
                        elements = elements.checked_mul(range.count.unwrap_or(0))?;
                    }
                    offset = entry.target?;
                    continue;
                }
                What::Pointer => (entry.size.unwrap_or(8), FieldKind::Pointer),
                What::Struct | What::Union => (entry.size?, FieldKind::Aggregate),
                What::Enum | What::Base => (entry.size?, FieldKind::Scalar),
                _ => return None,
            };
            let kind = if array { FieldKind::Array } else { kind };
            return Some((size.checked_mul(elements)?, kind));
        }
        None
    }
}

impl<'a> Entry<'a> {
    fn new(offset: usize, depth: isize, what: What) -> Self {
        Entry {
            offset,
            depth,
            what,
            name: &[],
            size: None,
            target: None,
            location: None,
            data_bit_offset: None,
            old_bit_offset: None,
            bit_size: None,
            unplaced: false,
            count: None,
            value: 0,
            file: None,
            declaration: false,
        }
    }

    fn take(
        &mut self,
        unit: UnitRef<'_, Slice<'a>>,
        name: gimli::DwAt,
        value: AttributeValue<Slice<'a>>,
    ) -> Result<(), gimli::Error> {
        match name {
            gimli::DW_AT_name => self.name = unit.attr_string(value)?.slice(),
            gimli::DW_AT_byte_size => self.size = value.udata_value(),
            gimli::DW_AT_type => {
                if let AttributeValue::UnitRef(offset) = value {
                    self.target = Some(offset.0);
                }
            }
            gimli::DW_AT_data_member_location => {
                self.location = match value {
                    AttributeValue::Exprloc(expression) => added(unit, expression),
                    other => other.udata_value(),
                };
                self.unplaced = self.location.is_none();
            }
            gimli::DW_AT_data_bit_offset => self.data_bit_offset = value.udata_value(),
            gimli::DW_AT_bit_offset => self.old_bit_offset = value.udata_value(),
            gimli::DW_AT_bit_size => self.bit_size = value.udata_value(),
            gimli::DW_AT_count => self.count = value.udata_value(),
            // Of an array without elements it is -1, or it is not there.
            gimli::DW_AT_upper_bound => {
                self.count = match value {
                    AttributeValue::Sdata(bound) => u64::try_from(bound.wrapping_add(1)).ok(),
                    other => other.udata_value().map(|bound| bound.wrapping_add(1)),
                }
            }
            gimli::DW_AT_const_value => {
                self.value = match value {
                    AttributeValue::Sdata(value) => value,
                    other => other.udata_value().unwrap_or_default() as i64,
                }
            }
            gimli::DW_AT_decl_file => {
                self.file = match value {
                    AttributeValue::FileIndex(index) => Some(index),
                    other => other.udata_value(),
                }
            }
            gimli::DW_AT_declaration => self.declaration = true,
            _ => {}
        }
        Ok(())
    }

    /// Where a member of a struct lies, in bits.
    pub fn bit_offset(&self, storage: u64) -> Option<u64> {
        if let Some(bits) = self.data_bit_offset {
            return Some(bits);
        }
        if self.unplaced {
            return None;
        }
        let bytes = self.location.unwrap_or(0).checked_mul(8)?;
        match (self.old_bit_offset, self.bit_size) {
            (Some(from_top), Some(width)) => {
                let storage = self.size.unwrap_or(storage).checked_mul(8)?;
                bytes.checked_add(storage)?.checked_sub(from_top)?.checked_sub(width)
            }
            _ => Some(bytes),
        }
    }
}

/// DWARF 2 tells a member's place as an expression: add this to the struct's address.
fn added(unit: UnitRef<'_, Slice<'_>>, expression: gimli::Expression<Slice<'_>>) -> Option<u64> {
    match expression.operations(unit.encoding()).next() {
        Ok(Some(gimli::Operation::PlusConstant { value })) => Some(value),
        _ => None,
    }
}

fn what(tag: gimli::DwTag) -> Option<What> {
    Some(match tag {
        gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type => What::Struct,
        gimli::DW_TAG_union_type => What::Union,
        gimli::DW_TAG_enumeration_type => What::Enum,
        gimli::DW_TAG_member => What::Member,
        gimli::DW_TAG_enumerator => What::Enumerator,
        gimli::DW_TAG_array_type => What::Array,
        gimli::DW_TAG_subrange_type => What::Subrange,
        gimli::DW_TAG_typedef
        | gimli::DW_TAG_const_type
        | gimli::DW_TAG_volatile_type
        | gimli::DW_TAG_restrict_type
        | gimli::DW_TAG_atomic_type => What::Alias,
        gimli::DW_TAG_pointer_type => What::Pointer,
        gimli::DW_TAG_base_type => What::Base,
        _ => return None,
    })
}
