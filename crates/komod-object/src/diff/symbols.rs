//! The symbols, matched by name and section. A name that only differs in a number the compiler
//! counts up (`__func__.3`, `__UNIQUE_ID_license194`) is matched in order.

use super::difference::{Aspect, Difference, Level, Value};
use super::side::{Key, Side};
use super::{code, is_debug, sections};
use crate::Text;
use crate::elf::{SHN_ABS, SHN_COMMON, STT_SECTION, Symbol};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

/// The symbol names a source file (System V ABI, `STT_FILE`).
pub(super) const STT_FILE: u8 = 4;

/// Where a symbol lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Home<'a> {
    Undefined,
    File,
    Absolute,
    Common,
    Section(Key<'a>),
    /// A section index that names no section.
    Nowhere(u16),
}

type Name<'a> = (Home<'a>, Text<'a>, u32);

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, found: &mut Vec<Difference>) {
    let (table_a, table_b) = (table(a), table(b));
    let mut moved: BTreeMap<Key<'_>, (Difference, usize)> = BTreeMap::new();
    for (name, x) in &table_a {
        match table_b.get(name) {
            Some(y) => fields(a, b, name, (x, y), &mut moved, found),
            None => presence(a, b, name, x, true, found),
        }
    }
    for (name, y) in table_b.iter().filter(|(name, _)| !table_a.contains_key(*name)) {
        presence(b, a, name, y, false, found);
    }
    found.extend(moved.into_values().map(|(mut difference, count)| {
        if count > 1 {
            difference.field = Some(format!("value (and {} more symbols moved)", count - 1));
        }
        difference
    }));
}

fn table<'a>(side: &Side<'a>) -> BTreeMap<Name<'a>, Symbol<'a>> {
    let mut counts = BTreeMap::new();
    let symbols = side.symbols().filter(|symbol| symbol.kind() != STT_SECTION);
    symbols
        .filter(|symbol| !symbol.name.is_empty() && !side.in_debug(symbol))
        .map(|symbol| {
            let (home, stem) = (home(side, &symbol), stem(symbol.name));
            let count = counts.entry((home, stem)).or_insert(0u32);
            *count += 1;
            ((home, stem, *count - 1), symbol)
        })
        .collect()
}

fn home<'a>(side: &Side<'a>, symbol: &Symbol<'a>) -> Home<'a> {
    if symbol.kind() == STT_FILE {
        return Home::File;
    }
    match symbol.shndx {
        0 => Home::Undefined,
        SHN_ABS => Home::Absolute,
        SHN_COMMON => Home::Common,
        index => side.key(index.into()).map_or(Home::Nowhere(index), Home::Section),
    }
}

/// The name without the number gcc or `__UNIQUE_ID()` appends.
pub(super) fn stem(name: Text<'_>) -> Text<'_> {
    let bytes = name.as_bytes();
    let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (head, tail) = bytes.split_at(bytes.len() - digits);
    match head.strip_suffix(b".") {
        Some(head) if !tail.is_empty() && !head.is_empty() => Text::new(head),
        None if name.starts_with("__UNIQUE_ID_") => Text::new(head),
        _ => name,
    }
}

/// How much a symbol of this home matters by itself: the loader resolves imports; for others the
/// bytes they name are compared elsewhere.
fn level(home: &Home<'_>) -> Level {
    match home {
        Home::Undefined | Home::Common => Level::Different,
        Home::File => Level::Stripped,
        _ => Level::Loaded,
    }
}

fn new(name: &Name<'_>, symbol: &Symbol<'_>, a: Value, b: Value) -> Difference {
    let aspect = if name.0 == Home::Undefined { Aspect::Import } else { Aspect::Symbol };
    let difference = Difference::new(aspect, level(&name.0), a, b).symbol(symbol.name);
    match name.0 {
        Home::Section(key) => difference.section(key.0.numbered(key.1)),
        Home::Absolute => difference.section("*ABS*"),
        Home::Common => difference.section("*COM*"),
        Home::File => difference.section("*FILE*"),
        Home::Undefined | Home::Nowhere(_) => difference,
    }
}

fn presence(
    side: &Side<'_>,
    other: &Side<'_>,
    name: &Name<'_>,
    symbol: &Symbol<'_>,
    in_a: bool,
    found: &mut Vec<Difference>,
) {
    // A function or object whose bytes are only in one file is a difference of code.
    if let Home::Section(key) = name.0
        && let (Some(mine), Some(theirs)) = (side.by_key(key), other.by_key(key))
        && code::explains(&mine, &theirs)
        && side
            .places
            .at(mine.index, symbol.value)
            .is_some_and(|place| place.name.0 == stem(symbol.name))
    {
        return;
    }
    let (a, b) =
        if in_a { (Value::Present, Value::Absent) } else { (Value::Absent, Value::Present) };
    found.push(new(name, symbol, a, b));
}

fn fields<'a>(
    a: &Side<'a>,
    b: &Side<'a>,
    name: &Name<'a>,
    (x, y): (&Symbol<'a>, &Symbol<'a>),
    moved: &mut BTreeMap<Key<'a>, (Difference, usize)>,
    found: &mut Vec<Difference>,
) {
    if x.name != y.name {
        let (va, vb) = (Value::text(x.name), Value::text(y.name));
        found.push(new(name, x, va, vb).field("name"));
    }
    let mut number = |field: &str, va: u64, vb: u64| {
        if va != vb {
            found.push(new(name, x, Value::Number(va), Value::Number(vb)).field(field));
        }
    };
    number("binding", x.binding().into(), y.binding().into());
    number("type", x.kind().into(), y.kind().into());
    number("visibility", x.other.into(), y.other.into());
    let section = match name.0 {
        Home::Section(key) => a.by_key(key).zip(b.by_key(key)),
        _ => None,
    };
    // The code's differences say its size, and that what follows moved.
    let explained = section.is_some_and(|(sa, sb)| code::explains(&sa, &sb));
    if !explained {
        number("size", x.size, y.size);
    }
    if x.value == y.value {
        return;
    }
    let difference = new(name, x, Value::Number(x.value), Value::Number(y.value)).field("value");
    match name.0 {
        Home::Section(key) if explained => {
            moved.entry(key).and_modify(|(_, count)| *count += 1).or_insert((difference, 1));
        }
        _ => found.push(difference),
    }
}

/// True for symbols that `strip -g` keeps and that say something of their own.
pub(super) fn is_kept(side: &Side<'_>, symbol: &Symbol<'_>) -> bool {
    !matches!(symbol.kind(), STT_SECTION | STT_FILE) && !side.in_debug(symbol)
}

/// A symbol's place for messages and exact comparison: its section's key.
pub(super) fn place<'a>(side: &Side<'a>, symbol: &Symbol<'a>) -> (u8, Option<Key<'a>>, u16) {
    match home(side, symbol) {
        Home::Undefined => (0, None, 0),
        Home::File => (1, None, 0),
        Home::Absolute => (2, None, 0),
        Home::Common => (3, None, 0),
        Home::Section(key) => (4, Some(key), 0),
        Home::Nowhere(index) => (5, None, index),
    }
}

/// The level that a relocation to or in this section breaks.
pub(super) fn section_level(side: &Side<'_>, section: usize) -> Level {
    match side.elf.section(section) {
        Some(section) if !is_debug(&section.name.to_string_lossy()) => sections::breaks(&section),
        _ => Level::Stripped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_names_have_a_stem() {
        let stem = |name: &'static str| alloc::string::ToString::to_string(&stem(Text::from(name)));
        assert_eq!(stem("__func__.12"), "__func__");
        assert_eq!(stem("f.constprop.0"), "f.constprop");
        assert_eq!(stem("__UNIQUE_ID_license194"), "__UNIQUE_ID_license");
        assert_eq!(stem("crc32"), "crc32");
        assert_eq!(stem(".5"), ".5");
        assert_eq!(stem("f.cold"), "f.cold");
    }
}
