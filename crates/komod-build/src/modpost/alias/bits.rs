//! Buses whose tables say which bits count.

use super::super::message::Level;
use super::pattern::{Pattern, when};
use super::{Entry, Sink};

pub(super) fn amba(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let (id, mask) = (entry.u32(0), entry.u32(4));
    if id & !mask != 0 {
        let text = format!(
            "{}: Masked-off bit(s) of AMBA device ID are non-zero: id=0x{id:08X}, \
             mask=0x{mask:08X}.  Please fix this driver.",
            sink.path
        );
        sink.say(Level::Fatal, text);
        return;
    }
    let mut pattern = Pattern::new("amba:d");
    for shift in (0..8).rev().map(|nibble| nibble * 4) {
        let (id, mask) = (id >> shift & 0xf, mask >> shift & 0xf);
        let digits = match mask {
            0xf => format!("{id:X}"),
            0 => "?".to_owned(),
            _ => {
                let fitting = (0..16u32).filter(|digit| digit & mask == id);
                format!("[{}]", fitting.map(|digit| format!("{digit:X}")).collect::<String>())
            }
        };
        pattern = pattern.raw(digits.as_bytes());
    }
    sink.alias(pattern.closed());
}

pub(super) fn mdio(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let (id, mask) = (entry.u32(0), entry.u32(4));
    let digit = |bit: u32| match (mask >> bit & 1, id >> bit & 1) {
        (0, _) => b'?',
        (_, 0) => b'0',
        _ => b'1',
    };
    let digits: Vec<u8> = (0..32).rev().map(digit).collect();
    sink.alias(Pattern::new("mdio:").raw(&digits).closed());
}

/// A bit list of `struct input_device_id`: key, flag that it counts, offset, first and last bit.
struct BitList(&'static str, u64, usize, usize, usize);

/// Flags `INPUT_DEVICE_ID_MATCH_*` and last bits `INPUT_DEVICE_ID_*_MAX`.
const BIT_LISTS: [BitList; 9] = [
    BitList("-e*", 0x10, 16, 0, 0x1f),
    BitList("k*", 0x20, 24, 0x71, 0x2ff),
    BitList("r*", 0x40, 120, 0, 0x0f),
    BitList("a*", 0x80, 128, 0, 0x3f),
    BitList("m*", 0x100, 136, 0, 0x07),
    BitList("l*", 0x200, 144, 0, 0x0f),
    BitList("s*", 0x400, 152, 0, 0x07),
    BitList("f*", 0x800, 160, 0, 0x7f),
    BitList("w*", 0x1000, 176, 0, 0x10),
];

pub(super) fn input(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let flags = entry.u64(0);
    let mut pattern = Pattern::new("input:")
        .hex("b", 4, when(flags & 1 != 0, entry.u16(8)))
        .hex("v", 4, when(flags & 2 != 0, entry.u16(10)))
        .hex("p", 4, when(flags & 4 != 0, entry.u16(12)))
        .hex("e", 4, when(flags & 8 != 0, entry.u16(14)));
    for BitList(key, flag, offset, first, last) in BIT_LISTS {
        pattern = pattern.raw(key.as_bytes());
        if flags & flag == 0 {
            continue;
        }
        for bit in first..=last {
            if entry.u64(offset + bit / 64 * 8) >> (bit % 64) & 1 != 0 {
                pattern = pattern.hex("", 1, Some(bit as u32)).raw(b",*");
            }
        }
    }
    sink.alias(pattern.closed());
}
