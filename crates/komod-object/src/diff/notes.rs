//! Notes: the build-id, and others by owner and type.

use super::BUILD_ID;
use super::difference::{Aspect, Difference, Level, Value};
use super::side::Side;
use crate::Text;
use crate::bytes::{slice, u32_at};
use crate::elf::SHT_NOTE;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

/// Owner, type, and which of several of these.
type Key<'a> = (Text<'a>, u32, u32);

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, found: &mut Vec<Difference>) {
    for (sa, sb) in a.common(b) {
        if sa.header.sh_type != SHT_NOTE || sa.data() == sb.data() {
            continue;
        }
        let (na, nb) = (notes(sa.data()), notes(sb.data()));
        let keys = na.keys().chain(nb.keys().filter(|key| !na.contains_key(*key)));
        for key in keys {
            let (va, vb) = (na.get(key), nb.get(key));
            if va == vb {
                continue;
            }
            let value = |note: Option<&&[u8]>| note.map_or(Value::Absent, |d| Value::bytes(d));
            let is_id = sa.name == BUILD_ID;
            let (aspect, breaks) = match is_id {
                true => (Aspect::BuildId, Level::Stripped),
                false => (Aspect::Note, Level::kept(sa.header.is_alloc(), true)),
            };
            let mut difference = Difference::new(aspect, breaks, value(va), value(vb));
            if !is_id {
                difference = difference.symbol(format!("{} type {:#x}", key.0, key.1));
            }
            found.push(difference.section(sa.name));
        }
    }
}

/// The notes of a section (System V ABI, "Note Section"): name size, descriptor size, type, then
/// both padded to four bytes. A torn rest is left to the comparison of bytes.
fn notes(data: &[u8]) -> BTreeMap<Key<'_>, &[u8]> {
    let mut all = BTreeMap::new();
    let mut counts: BTreeMap<(Text<'_>, u32), u32> = BTreeMap::new();
    let mut at = 0usize;
    while let Some((name, kind, descriptor, next)) = note(data, at) {
        let count = counts.entry((name, kind)).or_insert(0);
        all.insert((name, kind, *count), descriptor);
        *count += 1;
        at = next;
    }
    all
}

fn note(data: &[u8], at: usize) -> Option<(Text<'_>, u32, &[u8], usize)> {
    let name_size = u32_at(data, at)?;
    let size = u32_at(data, at.checked_add(4)?)?;
    let kind = u32_at(data, at.checked_add(8)?)?;
    let name_at = at as u64 + 12;
    let name = slice(data, name_at, name_size.into())?;
    let at = name_at + u64::from(name_size).next_multiple_of(4);
    let descriptor = slice(data, at, size.into())?;
    let next = usize::try_from(at + u64::from(size).next_multiple_of(4)).ok()?;
    Some((Text::new(name.strip_suffix(b"\0").unwrap_or(name)), kind, descriptor, next))
}
