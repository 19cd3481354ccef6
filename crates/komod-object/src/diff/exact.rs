//! The exact comparison that decides the level. It explains nothing.

use super::difference::Level;
use super::side::{Key, Side};
use super::{BTF, BUILD_ID, header, is_debug, is_loaded, symbols};
use crate::Text;
use crate::elf::{SHT_NOBITS, Section};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

pub(super) fn level(a: &Side<'_>, b: &Side<'_>) -> Level {
    if a.file == b.file {
        Level::Bytes
    } else if stripped_equal(a, b) {
        Level::Stripped
    } else if loaded_equal(a, b) {
        Level::Loaded
    } else {
        Level::Different
    }
}

/// What of a section's header a reader sees, wherever the section lies in the file.
fn facts(section: &Section<'_>) -> (u32, u64, u64, u64, u64) {
    let h = &section.header;
    (h.sh_type, h.flags, h.size, h.align, h.entsize)
}

fn stripped_equal(a: &Side<'_>, b: &Side<'_>) -> bool {
    header::kind(a) == header::kind(b)
        && kept(a).eq_by_key(kept(b))
        && kept(a).zip(kept(b)).all(|((_, sa), (_, sb))| {
            facts(&sa) == facts(&sb)
                && sa.data() == sb.data()
                && references(a, &sa).eq(references(b, &sb))
        })
        && stripped_symbols(a).eq(stripped_symbols(b))
}

/// The sections left after `strip -g`, without those the level leaves out, in file order.
fn kept<'s, 'a>(side: &'s Side<'a>) -> impl Iterator<Item = (Key<'a>, Section<'a>)> + 's {
    side.contents().filter(|(key, _)| {
        let name = key.0.to_string_lossy();
        name != BUILD_ID && name != BTF && !is_debug(&name)
    })
}

trait EqByKey<'a>: Iterator<Item = (Key<'a>, Section<'a>)> + Sized {
    fn eq_by_key(self, other: impl Iterator<Item = (Key<'a>, Section<'a>)>) -> bool {
        self.map(|(key, _)| key).eq(other.map(|(key, _)| key))
    }
}

impl<'a, I: Iterator<Item = (Key<'a>, Section<'a>)>> EqByKey<'a> for I {}

/// A relocation with its symbol in words both files share.
type Reference<'a> = (u64, u32, i64, Option<(Text<'a>, u8, u64, (u8, Option<Key<'a>>, u16))>);

fn references<'s, 'a>(
    side: &'s Side<'a>,
    section: &Section<'a>,
) -> impl Iterator<Item = Reference<'a>> + 's {
    side.relas(section.index).map(|rela| {
        let symbol = side
            .symbol(rela.symbol)
            .map(|symbol| (symbol.name, symbol.info, symbol.value, symbols::place(side, &symbol)));
        (rela.offset, rela.r_type, rela.addend, symbol)
    })
}

type SymbolFacts<'a> = (Text<'a>, u8, u8, u64, u64, (u8, Option<Key<'a>>, u16));

fn stripped_symbols<'s, 'a>(side: &'s Side<'a>) -> impl Iterator<Item = SymbolFacts<'a>> + 's {
    side.symbols()
        .filter(|symbol| symbols::is_kept(side, symbol))
        .map(|s| (s.name, s.info, s.other, s.value, s.size, symbols::place(side, &s)))
}

fn loaded_equal(a: &Side<'_>, b: &Side<'_>) -> bool {
    let count = |side: &Side<'_>| loaded(side).count();
    header::kind(a) == header::kind(b)
        && count(a) == count(b)
        && loaded(a).all(|(key, sa)| {
            b.by_key(key).is_some_and(|sb| {
                facts(&sa) == facts(&sb)
                    && (sa.header.sh_type == SHT_NOBITS || sa.data() == sb.data())
                    && links(a, &sa) == links(b, &sb)
            })
        })
        && imports(a) == imports(b)
}

fn loaded<'s, 'a>(side: &'s Side<'a>) -> impl Iterator<Item = (Key<'a>, Section<'a>)> + 's {
    side.contents().filter(|(key, section)| is_loaded(&key.0.to_string_lossy(), &section.header))
}

/// What a relocation writes: defined symbols count by their place, others by name.
type Link<'a> = (u64, u32, (u8, Option<Key<'a>>, u16), Text<'a>, i128);

fn links<'a>(side: &Side<'a>, section: &Section<'a>) -> Vec<Link<'a>> {
    let mut links: Vec<Link<'a>> = side
        .relas(section.index)
        .map(|rela| {
            let addend = i128::from(rela.addend);
            let Some(symbol) = side.symbol(rela.symbol) else {
                let nothing = (u8::MAX, None, 0);
                return (rela.offset, rela.r_type, nothing, Text::default(), addend);
            };
            let place = symbols::place(side, &symbol);
            let name = if place.1.is_some() { Text::default() } else { symbol.name };
            (rela.offset, rela.r_type, place, name, addend + i128::from(symbol.value))
        })
        .collect();
    links.sort_unstable();
    links
}

fn imports<'a>(side: &Side<'a>) -> BTreeSet<(Text<'a>, u8)> {
    let undefined = side.symbols().filter(|s| s.is_undefined() && !s.name.is_empty());
    undefined.map(|s| (s.name, s.binding())).collect()
}

/// What of the file's order differs, in words, for what no aspect explains.
pub(super) fn arrangement(a: &Side<'_>, b: &Side<'_>, level: Level) -> &'static str {
    match level {
        Level::Stripped | Level::Bytes => "only the layout of the file differs",
        _ if !kept(a).eq_by_key(kept(b)) => "the sections stand in another order",
        _ if !stripped_symbols(a).eq(stripped_symbols(b)) => "the symbols stand in another order",
        _ => "entries of a section stand in another order, or padding differs",
    }
}

/// The first kept section whose bytes or relocations differ.
pub(super) fn first_section<'a>(a: &Side<'a>, b: &Side<'a>) -> Option<Text<'a>> {
    let differs = |key: Key<'_>, sa: &Section<'a>| {
        let sb = b.by_key(key)?;
        let equal = facts(sa) == facts(&sb)
            && sa.data() == sb.data()
            && references(a, sa).eq(references(b, &sb));
        (!equal).then_some(sa.name)
    };
    kept(a).find_map(|(key, section)| differs(key, &section))
}
