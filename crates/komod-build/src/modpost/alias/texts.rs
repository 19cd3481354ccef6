//! Firmware tables: ACPI, device tree, DMI.

use super::pattern::Pattern;
use super::{Entry, Sink};

pub(super) fn acpi(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let (id, class, mask) = (entry.text(0), entry.u32(24), entry.u32(28));
    let mut pattern = Pattern::new("acpi*:");
    if !id.is_empty() {
        pattern = pattern.raw(id);
    } else {
        // Class, subclass, programming interface.
        for shift in [16, 8, 0] {
            let compared = mask >> shift & 0xff != 0;
            let digits = format!("{:02x}", class >> shift & 0xff);
            pattern = pattern.raw(if compared { digits.as_bytes() } else { b"??" });
        }
    }
    sink.alias(pattern.raw(b":*").closed());
}

pub(super) fn of(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let (name, kind, compatible) = (entry.text(0), entry.text(32), entry.text(64));
    let some = |text: &'_ [u8]| (!text.is_empty()).then(|| text.to_vec());
    let mut pattern =
        Pattern::new("of:").word("N", some(name).as_deref()).word("T", some(kind).as_deref());
    if !compatible.is_empty() {
        if !kind.is_empty() {
            pattern = pattern.raw(b"*");
        }
        pattern = pattern.word("C", Some(compatible));
    }
    let pattern = pattern.no_blanks();
    // A device has this compatible string, alone or before others.
    sink.alias(pattern.clone().closed());
    sink.alias(pattern.raw(b"C*").closed());
}

/// Prefixes in a DMI `modalias` and the fields they stand for (`enum dmi_field`).
const DMI_FIELDS: [(&str, u32); 14] = [
    ("bvn", 1),
    ("bvr", 2),
    ("bd", 3),
    ("br", 4),
    ("efr", 5),
    ("svn", 6),
    ("pn", 7),
    ("pvr", 8),
    ("rvn", 13),
    ("rn", 14),
    ("rvr", 15),
    ("cvn", 18),
    ("ct", 19),
    ("cvr", 20),
];

pub(super) fn dmi(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    /// `matches` in `struct dmi_system_id`: four records of a 7-bit field number and a text.
    const MATCHES: usize = 16;
    const MATCH_SIZE: usize = 80;
    let mut pattern = Pattern::new("dmi*");
    for (prefix, field) in DMI_FIELDS {
        for at in (0..4).map(|index| MATCHES + MATCH_SIZE * index) {
            if entry.u8(at) & 0x7f != field {
                continue;
            }
            // The kernel leaves these out of the modalias, too.
            let text: Vec<u8> = entry
                .text(at + 1)
                .iter()
                .copied()
                .filter(|&byte| byte > b' ' && byte < 127 && byte != b':')
                .collect();
            pattern = pattern.raw(b":").raw(prefix.as_bytes()).raw(b"*").raw(&text).raw(b"*");
        }
    }
    sink.alias(pattern.raw(b":").closed());
}
