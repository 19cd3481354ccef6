//! Debugging information and `.BTF`: only which sections differ. Everything in them follows from
//! the sources, the paths and the compiler.

use super::difference::{Aspect, Difference, Level, Value};
use super::side::Side;
use super::{BTF, is_debug};
use alloc::format;
use alloc::vec::Vec;

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, found: &mut Vec<Difference>) {
    for (key, sa) in a.contents() {
        if !applies(&sa.name.to_string_lossy()) {
            continue;
        }
        let sb = b.by_key(key);
        let difference = match sb {
            None => new(&sa.name.to_string_lossy(), Value::Present, Value::Absent),
            Some(sb) if sa.data() != sb.data() => {
                let size = |len: usize| Value::Text(format!("{len} bytes"));
                let (la, lb) = (sa.data().len(), sb.data().len());
                let (va, vb) = match la == lb {
                    true => (Value::Present, Value::Present),
                    false => (size(la), size(lb)),
                };
                new(&sa.name.to_string_lossy(), va, vb)
            }
            Some(sb) if !a.relas(sa.index).eq(b.relas(sb.index)) => {
                new(&sa.name.to_string_lossy(), Value::Present, Value::Present).field("relocations")
            }
            Some(_) => continue,
        };
        found.push(difference);
    }
    for (key, sb) in b.contents() {
        let name = sb.name.to_string_lossy();
        if applies(&name) && a.by_key(key).is_none() {
            found.push(new(&name, Value::Absent, Value::Present));
        }
    }
}

fn applies(name: &str) -> bool {
    is_debug(name) || name == BTF
}

fn new(name: &str, a: Value, b: Value) -> Difference {
    let aspect = if name == BTF { Aspect::Btf } else { Aspect::Debug };
    Difference::new(aspect, Level::Stripped, a, b).section(name)
}
