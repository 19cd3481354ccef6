//! The checksums of imported symbols.

use super::difference::{Aspect, Difference, Level, Value};
use super::side::Side;
use crate::Text;
use crate::versions::Versions;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

pub(super) const SECTION: &str = "__versions";

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, found: &mut Vec<Difference>) {
    let (Some(sa), Some(sb)) = (a.by_name(SECTION), b.by_name(SECTION)) else { return };
    if sa.data() == sb.data() {
        return;
    }
    let (a, b) = (by_name(sa.data()), by_name(sb.data()));
    let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
    for name in names {
        let (ca, cb) = (a.get(name).copied(), b.get(name).copied());
        if ca != cb {
            let (a, b) = (Value::number(ca), Value::number(cb));
            let difference = Difference::new(Aspect::Version, Level::Different, a, b);
            found.push(difference.section(SECTION).symbol(name).field("crc"));
        }
    }
}

fn by_name(data: &[u8]) -> BTreeMap<Text<'_>, u64> {
    Versions::new(data).iter().map(|version| (version.name, version.crc)).collect()
}
