//! String constants: sections of strings that the linker may merge, compared as sets.

use super::difference::{Aspect, Difference, Value};
use super::side::Side;
use super::{is_debug, modinfo, sections};
use crate::Text;
use crate::elf::{SHT_PROGBITS, Section};
use alloc::format;
use alloc::vec::Vec;

/// The section holds strings ended by NUL (System V ABI, `SHF_STRINGS`).
const SHF_STRINGS: u64 = 0x20;

pub(super) fn applies(section: &Section<'_>) -> bool {
    let kind = section.header.sh_type == SHT_PROGBITS;
    // `.comment`, too, is such a section.
    kind && section.header.flags & SHF_STRINGS != 0 && section.header.entsize <= 1
}

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, found: &mut Vec<Difference>) {
    for (sa, sb) in a.common(b) {
        let skipped = is_debug(&sa.name.to_string_lossy()) || sa.name == modinfo::SECTION;
        if skipped || !applies(&sa) || !applies(&sb) || sa.data() == sb.data() {
            continue;
        }
        let (only_a, only_b) = modinfo::without_common(split(sa.data()), split(sb.data()));
        let quoted = |text: &Text<'_>| Value::Text(format!("{:?}", text.to_string_lossy()));
        let mut add = |va: Value, vb: Value| {
            let difference = Difference::new(Aspect::Text, sections::breaks(&sa), va, vb);
            found.push(difference.section(sa.name));
        };
        // One against one reads as a change.
        if let ([x], [y]) = (only_a.as_slice(), only_b.as_slice()) {
            add(quoted(x), quoted(y));
            continue;
        }
        only_a.iter().for_each(|text| add(quoted(text), Value::Absent));
        only_b.iter().for_each(|text| add(Value::Absent, quoted(text)));
    }
}

fn split(data: &[u8]) -> Vec<Text<'_>> {
    data.split(|&byte| byte == 0).filter(|string| !string.is_empty()).map(Text::new).collect()
}

/// The string at an offset of such a section.
pub(super) fn at<'a>(section: &Section<'a>, offset: u64) -> Option<Text<'a>> {
    crate::bytes::c_str(section.data(), offset)
}
