//! Relocations, matched by the function or object they stand in, and compared by what they name:
//! a symbol, a function with an offset, a string by its text. Indexes and absolute positions do
//! not count.

use super::difference::{Aspect, Difference, Level, Value};
use super::places::Place;
use super::side::{Key, Side};
use super::{is_debug, strings, symbols, this_module};
use crate::Text;
use crate::bytes::slice;
use crate::elf::*;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

/// What a relocation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target<'a> {
    /// An import, or an absolute or common symbol.
    Symbol(Text<'a>, i64),
    /// A string constant.
    Text(Text<'a>, Position),
    /// An offset in a function or object.
    Place(Key<'a>, (Text<'a>, u32), i128),
    /// An offset in a section.
    Section(Key<'a>, i128),
    /// A symbol index that names none.
    Nothing(u32, i64),
}

/// Where a string stands; it does not count.
#[derive(Clone, Copy, Debug)]
struct Position(i128);

impl PartialEq for Position {
    fn eq(&self, _: &Position) -> bool {
        true
    }
}

impl Eq for Position {}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Position) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Position {
    fn cmp(&self, _: &Position) -> Ordering {
        Ordering::Equal
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Symbol(name, addend) => write!(f, "{name}{}", Signed((*addend).into())),
            Target::Text(text, _) => write!(f, "{:?}", text.to_string_lossy()),
            Target::Place(_, name, offset) => {
                write!(f, "{}{}", name.0.numbered(name.1), Signed(*offset))
            }
            Target::Section(key, offset) => {
                write!(f, "{}{}", key.0.numbered(key.1), Signed(*offset))
            }
            Target::Nothing(index, _) => write!(f, "symbol {index}, which does not exist"),
        }
    }
}

struct Signed(i128);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            n if n < 0 => write!(f, "-{:#x}", n.unsigned_abs()),
            n => write!(f, "+{n:#x}"),
        }
    }
}

/// A relocation by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Meaning<'a> {
    r_type: u32,
    target: Target<'a>,
}

impl Meaning<'_> {
    fn value(this: Option<&Self>) -> Value {
        this.map_or(Value::Absent, |m| Value::Text(format!("{} {}", type_name(m.r_type), m.target)))
    }
}

/// Type and target of a relocation, in words both files share.
pub(super) fn described<'a>(side: &Side<'a>, section: &Section<'a>, rela: Rela) -> String {
    format!("{} {}", type_name(rela.r_type), target(side, section, rela))
}

/// Offset in its place, and meaning; for each place that has any.
type Groups<'a> = BTreeMap<Option<(Text<'a>, u32)>, Vec<(u64, Meaning<'a>)>>;

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, found: &mut Vec<Difference>) {
    for (sa, sb) in a.common(b) {
        if is_debug(&sa.name.to_string_lossy()) || sa.name == this_module::SECTION {
            continue;
        }
        let (ga, gb) = (groups(a, &sa), groups(b, &sb));
        let breaks = symbols::section_level(a, sa.index);
        let whole_equal = sa.data() == sb.data() && sa.header.size == sb.header.size;
        let names = ga.keys().chain(gb.keys().filter(|name| !ga.contains_key(*name)));
        for name in names {
            let (Some(x), Some(y)) = (ga.get(name), gb.get(name)) else {
                // Code or data only in one file is reported there; the rest of a section counts.
                if name.is_none() || whole_equal {
                    let (x, y) = (ga.get(name), gb.get(name));
                    let (x, y) = (x.map_or(&[][..], |x| x), y.map_or(&[][..], |y| y));
                    report(&sa, *name, breaks, by_meaning(x, y), found);
                }
                continue;
            };
            let equal = match name {
                None => sa.header.size == sb.header.size,
                Some(name) => whole_equal || bytes(a, &sa, *name) == bytes(b, &sb, *name),
            };
            let pairs = if equal { by_offset(x, y) } else { by_meaning(x, y) };
            report(&sa, *name, breaks, pairs, found);
        }
    }
}

type Pair<'a> = (u64, Option<Meaning<'a>>, Option<Meaning<'a>>);

fn by_offset<'a>(x: &[(u64, Meaning<'a>)], y: &[(u64, Meaning<'a>)]) -> Vec<Pair<'a>> {
    let mut all: BTreeMap<u64, (Option<Meaning<'a>>, Option<Meaning<'a>>)> = BTreeMap::new();
    x.iter().for_each(|(offset, meaning)| all.entry(*offset).or_default().0 = Some(*meaning));
    y.iter().for_each(|(offset, meaning)| all.entry(*offset).or_default().1 = Some(*meaning));
    all.into_iter()
        .filter(|(_, (x, y))| x != y && !only_text(*x, *y))
        .map(|(at, (x, y))| (at, x, y))
        .collect()
}

/// The same place of a section of strings, where another text stands now: the text's difference
/// says it.
fn only_text(x: Option<Meaning<'_>>, y: Option<Meaning<'_>>) -> bool {
    let position = |meaning: Option<Meaning<'_>>| match meaning?.target {
        Target::Text(_, position) => Some((meaning?.r_type, position.0)),
        _ => None,
    };
    position(x).is_some() && position(x) == position(y)
}

/// What only one of them names, wherever.
fn by_meaning<'a>(x: &[(u64, Meaning<'a>)], y: &[(u64, Meaning<'a>)]) -> Vec<Pair<'a>> {
    let mut only: BTreeMap<Meaning<'a>, (Vec<u64>, Vec<u64>)> = BTreeMap::new();
    x.iter().for_each(|(offset, meaning)| only.entry(*meaning).or_default().0.push(*offset));
    y.iter().for_each(|(offset, meaning)| only.entry(*meaning).or_default().1.push(*offset));
    let mut pairs = Vec::new();
    for (meaning, (x, y)) in only {
        let common = x.len().min(y.len());
        pairs.extend(x.iter().skip(common).map(|&at| (at, Some(meaning), None)));
        pairs.extend(y.iter().skip(common).map(|&at| (at, None, Some(meaning))));
    }
    pairs.sort_by_key(|pair| pair.0);
    pairs
}

fn report(
    section: &Section<'_>,
    place: Option<(Text<'_>, u32)>,
    breaks: Level,
    pairs: Vec<Pair<'_>>,
    found: &mut Vec<Difference>,
) {
    for (offset, x, y) in pairs {
        let (x, y) = (Meaning::value(x.as_ref()), Meaning::value(y.as_ref()));
        let mut difference =
            Difference::new(Aspect::Relocation, breaks, x, y).section(section.name).offset(offset);
        difference.symbol = place.map(|name| name.0.numbered(name.1));
        found.push(difference);
    }
}

fn groups<'a>(side: &Side<'a>, section: &Section<'a>) -> Groups<'a> {
    let mut groups: Groups<'a> = BTreeMap::new();
    for rela in side.relas(section.index) {
        let place = side.places.at(section.index, rela.offset);
        let offset = rela.offset - place.map_or(0, |place| place.start);
        let meaning = Meaning { r_type: rela.r_type, target: target(side, section, rela) };
        groups.entry(place.map(|place| place.name)).or_default().push((offset, meaning));
    }
    groups
}

fn target<'a>(side: &Side<'a>, from: &Section<'_>, rela: Rela) -> Target<'a> {
    let Some(symbol) = side.symbol(rela.symbol) else {
        return Target::Nothing(rela.symbol, rela.addend);
    };
    let key = side.key(symbol.shndx.into()).filter(|_| symbol.shndx != 0);
    let (Some(key), Some(section)) = (key, side.section_of(&symbol)) else {
        return Target::Symbol(symbol.name, rela.addend);
    };
    let total = i128::from(symbol.value) + i128::from(rela.addend);
    // An instruction's reference is relative to its end, four bytes after the place.
    let code = from.header.flags & SHF_EXECINSTR != 0;
    let bias = match rela.r_type {
        R_X86_64_PC32 | R_X86_64_PLT32 if code => 4,
        _ => 0,
    };
    if strings::applies(&section)
        && let Ok(offset) = u64::try_from(total + bias)
        && let Some(text) = strings::at(&section, offset)
    {
        return Target::Text(text, Position(total));
    }
    let looked_up = if symbol.kind() == STT_SECTION { total + bias } else { symbol.value.into() };
    let place = u64::try_from(looked_up).ok().and_then(|at| side.places.at(section.index, at));
    match place {
        Some(place) => Target::Place(key, place.name, total - i128::from(place.start)),
        None => Target::Section(key, total),
    }
}

fn bytes<'a>(side: &Side<'a>, section: &Section<'a>, name: (Text<'_>, u32)) -> Option<&'a [u8]> {
    let place: &Place<'_> = side.places.by_name(section.index, name)?;
    match section.header.sh_type {
        SHT_NOBITS => Some(&[]),
        _ => slice(section.data(), place.start, place.end - place.start),
    }
}

fn type_name(r_type: u32) -> String {
    let name = match r_type {
        R_X86_64_NONE => "NONE",
        R_X86_64_64 => "64",
        R_X86_64_PC32 => "PC32",
        R_X86_64_PLT32 => "PLT32",
        R_X86_64_32 => "32",
        R_X86_64_32S => "32S",
        R_X86_64_PC64 => "PC64",
        other => return format!("type {other}"),
    };
    name.into()
}
