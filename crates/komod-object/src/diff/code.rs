//! The bytes of sections: function by function and object by object, so that code that only moved
//! is no difference.

use super::difference::{Aspect, Difference, Value};
use super::places::Place;
use super::side::Side;
use super::{BTF, BUILD_ID, exports, is_debug, modinfo, sections, strings, this_module, versions};
use crate::bytes::slice;
use crate::elf::{SHT_NOBITS, SHT_NOTE, Section};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

/// True for sections that no other aspect reads.
fn applies(section: &Section<'_>) -> bool {
    let name = section.name.to_string_lossy();
    let elsewhere = [modinfo::SECTION, versions::SECTION, this_module::SECTION, BUILD_ID, BTF];
    let kind = section.header.sh_type;
    !elsewhere.contains(&&*name)
        && !exports::CRC_TABLES.contains(&&*name)
        && !is_debug(&name)
        && kind != SHT_NOTE
        && kind != SHT_NOBITS
        && !strings::applies(section)
}

/// True if the symbols of this section are compared by what they cover.
pub(super) fn explains(a: &Section<'_>, b: &Section<'_>) -> bool {
    applies(a) && applies(b) && a.data() != b.data()
}

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, found: &mut Vec<Difference>) {
    for (sa, sb) in a.common(b) {
        if !explains(&sa, &sb) {
            continue;
        }
        let before = found.len();
        let (pa, pb) = (a.places.section(sa.index), b.places.section(sb.index));
        places(&sa, pa, &sb, pb, found);
        let (da, db) = (sa.data(), sb.data());
        // With other sizes what lies between the symbols is padding, or the size says it.
        if da.len() == db.len() {
            between(&sa, pa, &sb, found.len() == before, found);
        }
    }
}

fn places(
    sa: &Section<'_>,
    pa: &[Place<'_>],
    sb: &Section<'_>,
    pb: &[Place<'_>],
    found: &mut Vec<Difference>,
) {
    let mut others: BTreeMap<_, _> = pb.iter().map(|place| (place.name, place)).collect();
    let new = |place: &Place<'_>, a: Value, b: Value| {
        let difference = Difference::new(Aspect::Code, sections::breaks(sa), a, b);
        difference.section(sa.name).symbol(place.name.0.numbered(place.name.1))
    };
    let size = |place: &Place<'_>| Value::Text(format!("{:#x} bytes", place.end - place.start));
    for place in pa {
        let Some(other) = others.remove(&place.name) else {
            found.push(new(place, size(place), Value::Absent));
            continue;
        };
        let (ba, bb) = (bytes(sa, place), bytes(sb, other));
        let Some(offset) = first_difference(ba, bb) else { continue };
        let difference = if ba.len() == bb.len() {
            let tail = |data| Value::bytes(slice_from(data, offset));
            new(place, tail(ba), tail(bb))
        } else {
            new(place, Value::Number(ba.len() as u64), Value::Number(bb.len() as u64)).field("size")
        };
        found.push(difference.offset(offset as u64));
    }
    for place in pb.iter().filter(|place| others.contains_key(&place.name)) {
        found.push(new(place, Value::Absent, size(place)));
    }
}

/// Bytes that belong to no symbol, in sections of the same size.
fn between(
    sa: &Section<'_>,
    pa: &[Place<'_>],
    sb: &Section<'_>,
    nothing_else: bool,
    found: &mut Vec<Difference>,
) {
    let (da, db) = (sa.data(), sb.data());
    let mut covered = pa.iter().peekable();
    let mut count = 0u64;
    let mut first = None;
    for (offset, (x, y)) in da.iter().zip(db).enumerate() {
        while covered.next_if(|place| place.end <= offset as u64).is_some() {}
        let inside = covered.peek().is_some_and(|place| place.start <= offset as u64);
        if x != y && (nothing_else || !inside) {
            count += 1;
            first.get_or_insert(offset);
        }
    }
    let Some(first) = first else { return };
    let tail = |data| Value::bytes(slice_from(data, first));
    let difference = Difference::new(Aspect::Contents, sections::breaks(sa), tail(da), tail(db));
    let difference = difference.section(sa.name).offset(first as u64);
    found.push(match count {
        1 => difference,
        n => difference.field(format!("({n} bytes)")),
    });
}

fn bytes<'a>(section: &Section<'a>, place: &Place<'_>) -> &'a [u8] {
    slice(section.data(), place.start, place.end - place.start).unwrap_or_default()
}

fn slice_from(data: &[u8], offset: usize) -> &[u8] {
    data.get(offset..).unwrap_or_default()
}

fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    let common = a.iter().zip(b).position(|(x, y)| x != y);
    common.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}
