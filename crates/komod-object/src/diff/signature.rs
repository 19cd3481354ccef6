//! The appended signature. Stripping takes it away, so it only breaks byte equality.

use super::difference::{Aspect, Difference, Level, Value};
use super::side::Side;
use alloc::format;
use alloc::vec::Vec;

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, found: &mut Vec<Difference>) {
    let (sa, sb) = (a.signature.map(|s| s.bytes), b.signature.map(|s| s.bytes));
    if sa == sb {
        return;
    }
    let (va, vb) = match (sa, sb) {
        (Some(x), Some(y)) if x.len() == y.len() => (Value::Present, Value::Present),
        (x, y) => (value(x), value(y)),
    };
    found.push(Difference::new(Aspect::Signature, Level::Stripped, va, vb));
}

fn value(signature: Option<&[u8]>) -> Value {
    signature.map_or(Value::Absent, |bytes| Value::Text(format!("{} bytes", bytes.len())))
}
