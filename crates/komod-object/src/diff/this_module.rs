//! `struct module` as the compiler laid it out, field by field.

use super::difference::{Aspect, Difference, Level, Value};
use super::side::Side;
use super::{Field, relocations};
use crate::Text;
use crate::bytes::{c_str, slice, u64_at};
use crate::elf::Section;
use crate::module::{NAME_LEN, NAME_OFFSET};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(super) const SECTION: &str = ".gnu.linkonce.this_module";

/// The functions a module file names, and the fields that hold them.
const FUNCTIONS: [(&str, &str); 2] = [("init_module", "init"), ("cleanup_module", "exit")];

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, layout: &[Field], found: &mut Vec<Difference>) {
    let (Some(sa), Some(sb)) = (a.by_name(SECTION), b.by_name(SECTION)) else { return };
    let mut add = |field: String, offset: u64, a: Value, b: Value| {
        let difference = Difference::new(Aspect::ThisModule, Level::Different, a, b);
        found.push(difference.section(SECTION).offset(offset).field(field));
    };
    names(&sa, &sb, &mut add);
    functions(a, &sa, b, &sb, layout, &mut add);
    bytes(&sa, &sb, layout, &mut add);
}

fn names(a: &Section<'_>, b: &Section<'_>, add: &mut impl FnMut(String, u64, Value, Value)) {
    let (na, nb) = (name(a.data()), name(b.data()));
    if na != nb {
        add("name".into(), NAME_OFFSET as u64, Value::text(na), Value::text(nb));
    }
}

fn name(data: &[u8]) -> Text<'_> {
    let field = data.get(NAME_OFFSET..NAME_OFFSET + NAME_LEN).unwrap_or_default();
    c_str(field, 0).unwrap_or_default()
}

/// Pointers: the relocations of the section.
fn functions(
    a: &Side<'_>,
    sa: &Section<'_>,
    b: &Side<'_>,
    sb: &Section<'_>,
    layout: &[Field],
    add: &mut impl FnMut(String, u64, Value, Value),
) {
    let (pa, pb) = (pointers(a, sa, layout), pointers(b, sb, layout));
    let fields = pa.keys().chain(pb.keys().filter(|field| !pa.contains_key(*field)));
    for field in fields {
        let (x, y) = (pa.get(field), pb.get(field));
        if x == y {
            continue;
        }
        let offset = x.or(y).map_or(0, |pointer| pointer.0);
        let value = |pointer: Option<&(u64, String)>| match pointer {
            None => Value::Absent,
            Some((at, target)) if x.map(|p| p.0) != y.map(|p| p.0) => {
                Value::Text(format!("{target} at {at:#x}"))
            }
            Some((_, target)) => Value::Text(target.clone()),
        };
        add(field.clone(), offset, value(x), value(y));
    }
}

/// Offset and what it points at, by field.
fn pointers(
    side: &Side<'_>,
    section: &Section<'_>,
    layout: &[Field],
) -> BTreeMap<String, (u64, String)> {
    side.relas(section.index)
        .map(|rela| {
            let target = relocations::described(side, section, rela);
            let symbol = side.symbol(rela.symbol).map(|symbol| symbol.name).unwrap_or_default();
            let known = FUNCTIONS.iter().find(|(name, _)| symbol == *name);
            let field = known
                .map(|(_, field)| (*field).to_string())
                .or_else(|| field_at(layout, rela.offset).map(|field| field.name.clone()))
                .unwrap_or_else(|| format!("pointer at {:#x}", rela.offset));
            (field, (rela.offset, target))
        })
        .collect()
}

fn field_at(layout: &[Field], offset: u64) -> Option<&Field> {
    layout.iter().find(|f| f.offset <= offset && offset - f.offset < f.size)
}

/// Everything else, word by word.
fn bytes(
    a: &Section<'_>,
    b: &Section<'_>,
    layout: &[Field],
    add: &mut impl FnMut(String, u64, Value, Value),
) {
    const WORD: usize = 8;
    let (da, db) = (a.data(), b.data());
    let mut last = None;
    for at in (0..da.len().min(db.len())).step_by(WORD) {
        let in_name = (NAME_OFFSET..NAME_OFFSET + NAME_LEN).contains(&at);
        let word = |data| u64_at(data, at);
        if in_name || word(da) == word(db) {
            continue;
        }
        let offset = at as u64;
        let Some(field) = field_at(layout, offset) else {
            add(format!("word at {offset:#x}"), offset, value(da, at), value(db, at));
            continue;
        };
        if last.replace(field.name.as_str()) != Some(field.name.as_str()) {
            add(field.name.clone(), offset, value(da, at), value(db, at));
        }
    }
}

fn value(data: &[u8], at: usize) -> Value {
    Value::bytes(slice(data, at as u64, 8).unwrap_or_default())
}
