//! What is left: the verdict says the files differ at a level that no explanation reached.

use super::difference::{Aspect, Difference, Level, Value};
use super::exact;
use super::side::Side;
use alloc::vec::Vec;

pub(super) fn explain_the_rest(
    a: &Side<'_>,
    b: &Side<'_>,
    level: Level,
    found: &mut Vec<Difference>,
) {
    if found.iter().any(|difference| difference.breaks <= level) {
        return;
    }
    let text = exact::arrangement(a, b, level);
    let mut difference =
        Difference::new(Aspect::Arrangement, level, Value::Present, Value::Present).field(text);
    if level < Level::Stripped
        && let Some(section) = exact::first_section(a, b)
    {
        difference = difference.section(section);
    }
    found.push(difference);
}
