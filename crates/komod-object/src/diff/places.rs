//! Names for places in sections: the function or object at an offset.

use super::symbols::stem;
use crate::Text;
use crate::elf::{Elf, STT_FUNC, STT_OBJECT, Symbol};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// A named stretch of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub start: u64,
    pub end: u64,
    /// Name without a counted number, and which of several of that name in the section.
    pub name: (Text<'a>, u32),
}

/// The functions and objects of each section, without overlaps, in order.
pub(super) struct Places<'a>(Vec<InSection<'a>>);

#[derive(Default)]
struct InSection<'a> {
    list: Vec<Place<'a>>,
    names: BTreeMap<(Text<'a>, u32), usize>,
}

impl<'a> Places<'a> {
    pub fn of(elf: &Elf<'a>) -> Places<'a> {
        let mut symbols: Vec<Vec<Symbol<'a>>> = vec![Vec::new(); elf.section_count()];
        for symbol in elf.symbols().into_iter().flat_map(|table| table.iter()) {
            let named = matches!(symbol.kind(), STT_FUNC | STT_OBJECT) && !symbol.name.is_empty();
            if let Some(list) = symbols.get_mut(usize::from(symbol.shndx))
                && named
                && symbol.size > 0
                && symbol.shndx != 0
            {
                list.push(symbol);
            }
        }
        Places(symbols.into_iter().map(without_overlaps).collect())
    }

    /// All of a section.
    pub fn section(&self, section: usize) -> &[Place<'a>] {
        self.0.get(section).map(|places| places.list.as_slice()).unwrap_or_default()
    }

    /// The place of a name.
    pub fn by_name(&self, section: usize, name: (Text<'_>, u32)) -> Option<&Place<'a>> {
        let index = self.0.get(section)?.names.get(&name)?;
        self.0.get(section)?.list.get(*index)
    }

    /// The place an offset lies in.
    pub fn at(&self, section: usize, offset: u64) -> Option<Place<'a>> {
        let list = self.section(section);
        let after = list.partition_point(|place| place.start <= offset);
        let place = *list.get(after.checked_sub(1)?)?;
        (offset < place.end).then_some(place)
    }
}

/// Of several names for the same bytes (`init_module` and the function's own) the alphabetically
/// first stays, the same one in both files.
fn without_overlaps(mut symbols: Vec<Symbol<'_>>) -> InSection<'_> {
    symbols.sort_by_key(|symbol| (symbol.value, Reverse(symbol.size), symbol.name));
    let mut seen = BTreeMap::new();
    let mut places: Vec<Place<'_>> = Vec::new();
    for symbol in symbols {
        let Some(end) = symbol.value.checked_add(symbol.size) else { continue };
        if places.last().is_some_and(|last| symbol.value < last.end) {
            continue;
        }
        let stem = stem(symbol.name);
        let count = seen.entry(stem).or_insert(0u32);
        places.push(Place { start: symbol.value, end, name: (stem, *count) });
        *count += 1;
    }
    let names = places.iter().enumerate().map(|(index, place)| (place.name, index)).collect();
    InSection { list: places, names }
}
