//! Which sections there are, and their headers.

use super::difference::{Aspect, Difference, Level, Value};
use super::side::Side;
use super::{BTF, BUILD_ID, is_debug, is_loaded, modinfo, strings, versions};
use crate::elf::{SHT_NOBITS, SHT_NOTE, Section};
use alloc::format;
use alloc::vec::Vec;

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, found: &mut Vec<Difference>) {
    for (key, section) in a.contents().filter(|(_, section)| applies(section)) {
        match b.by_key(key) {
            Some(other) => fields(&section, &other, found),
            None => found.push(presence(&section, key.1, true)),
        }
    }
    for (key, section) in b.contents().filter(|(_, section)| applies(section)) {
        if a.by_key(key).is_none() {
            found.push(presence(&section, key.1, false));
        }
    }
}

fn applies(section: &Section<'_>) -> bool {
    let name = section.name.to_string_lossy();
    !is_debug(&name) && name != BTF
}

/// How much a difference in this section matters.
pub(super) fn breaks(section: &Section<'_>) -> Level {
    let name = section.name.to_string_lossy();
    let left = name != BUILD_ID && name != BTF && !is_debug(&name);
    Level::kept(is_loaded(&name, &section.header), left)
}

fn presence(section: &Section<'_>, occurrence: u32, in_a: bool) -> Difference {
    let there = Value::Text(format!("{:#x} bytes", section.header.size));
    let (a, b) = if in_a { (there, Value::Absent) } else { (Value::Absent, there) };
    let aspect = if section.name == BUILD_ID { Aspect::BuildId } else { Aspect::Section };
    Difference::new(aspect, breaks(section), a, b).section(section.name.numbered(occurrence))
}

fn fields(a: &Section<'_>, b: &Section<'_>, found: &mut Vec<Difference>) {
    let (ha, hb) = (&a.header, &b.header);
    let mut fields = alloc::vec![
        ("type", u64::from(ha.sh_type), u64::from(hb.sh_type)),
        ("flags", ha.flags, hb.flags),
        ("align", ha.align, hb.align),
        ("entsize", ha.entsize, hb.entsize),
    ];
    if !size_is_explained(a) {
        fields.push(("size", ha.size, hb.size));
    }
    for (field, va, vb) in fields {
        if va != vb {
            let worst = breaks(a).min(breaks(b));
            let difference =
                Difference::new(Aspect::Section, worst, Value::Number(va), Value::Number(vb));
            found.push(difference.section(a.name).field(field));
        }
    }
}

/// Sections whose entries are compared one by one: another size says nothing new.
fn size_is_explained(section: &Section<'_>) -> bool {
    section.name == modinfo::SECTION
        || section.name == versions::SECTION
        || section.header.sh_type == SHT_NOTE
        || strings::applies(section) && section.header.sh_type != SHT_NOBITS
}
