//! The exported symbols, by name.

use super::difference::{Aspect, Difference, Level, Value};
use super::side::Side;
use crate::Text;
use crate::export::{self, Export};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

/// The sections whose contents this file compares. Which symbol each entry is for stands in
/// relocations and strings; the checksums are plain numbers.
pub(super) const CRC_TABLES: [&str; 2] = ["__kcrctab", "__kcrctab_gpl"];

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, found: &mut Vec<Difference>) {
    // Tables that cannot be read are still compared as bytes and relocations.
    let (a, b) = (by_name(a), by_name(b));
    let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
    for name in names {
        match (a.get(name), b.get(name)) {
            (Some(x), Some(y)) => fields(x, y, found),
            (x, y) => {
                let (a, b) = (value(x), value(y));
                found.push(
                    Difference::new(Aspect::Export, Level::Different, a, b)
                        .section(x.or(y).map_or("__ksymtab", table))
                        .symbol(name),
                );
            }
        }
    }
}

fn by_name<'a>(side: &Side<'a>) -> BTreeMap<Text<'a>, Export<'a>> {
    let exports = export::exports(&side.elf).unwrap_or_default();
    exports.into_iter().map(|export| (export.name, export)).collect()
}

fn value(export: Option<&Export<'_>>) -> Value {
    export.map_or(Value::Absent, |export| match export.crc {
        Some(crc) => Value::Text(format!("crc {crc:#010x}")),
        None => Value::Present,
    })
}

fn table(export: &Export<'_>) -> &'static str {
    if export.gpl_only { "__ksymtab_gpl" } else { "__ksymtab" }
}

fn fields(x: &Export<'_>, y: &Export<'_>, found: &mut Vec<Difference>) {
    let mut add = |field: &str, section: &str, a: Value, b: Value| {
        if a != b {
            let difference = Difference::new(Aspect::Export, Level::Different, a, b);
            found.push(difference.section(section).symbol(x.name).field(field));
        }
    };
    let crc = |export: &Export<'_>| Value::number(export.crc.map(u64::from));
    let kind = |export: &Export<'_>| Value::text(if export.gpl_only { "GPL only" } else { "any" });
    let namespace = |export: &Export<'_>| export.namespace.map_or(Value::Absent, Value::text);
    let defined = |export: &Export<'_>| export.location.map_or(Value::Absent, |_| Value::Present);
    add("crc", CRC_TABLES[usize::from(x.gpl_only)], crc(x), crc(y));
    add("licence", table(x), kind(x), kind(y));
    add("namespace", table(x), namespace(x), namespace(y));
    add("definition", table(x), defined(x), defined(y));
}
