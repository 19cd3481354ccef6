//! Buses that identify devices by GUIDs.

use super::pattern::{Pattern, unless};
use super::{Entry, Sink};

/// Bytes of a GUID in the order they are printed: the first three groups are little-endian.
const GUID_ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

fn dashed(bytes: impl Iterator<Item = u8>) -> String {
    let mut text = String::new();
    for (index, byte) in bytes.enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text += &format!("{byte:02x}");
    }
    text
}

pub(super) fn ishtp(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let guid = entry.guid(0);
    let text = dashed(GUID_ORDER.iter().map(|&at| guid[at])).to_uppercase();
    sink.alias(format!("ishtp:{{{text}}}").into_bytes());
}

pub(super) fn mei(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    const ANY_VERSION: u32 = 0xff;
    let name = entry.text(0);
    let uuid = entry.guid(32);
    let pattern = Pattern::new("mei:")
        .word("", (!name.is_empty()).then_some(name))
        .raw(b":")
        .raw(dashed(GUID_ORDER.iter().map(|&at| uuid[at])).as_bytes())
        .hex(":", 2, unless(entry.u8(48), ANY_VERSION));
    sink.alias(pattern.raw(b":*").closed());
}

pub(super) fn tee(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let text = dashed(entry.guid(0).into_iter());
    sink.alias(format!("tee:{text}*").into_bytes());
}

pub(super) fn vmbus(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let digits: String = entry.guid(0).iter().map(|byte| format!("{byte:02x}")).collect();
    sink.alias(format!("vmbus:{digits}").into_bytes());
}
