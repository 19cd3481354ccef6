//! USB, whose entries hold a range of device releases in binary-coded decimal.

use super::pattern::{Pattern, when};
use super::{Entry, Sink};

const VENDOR: u32 = 0x1;
const PRODUCT: u32 = 0x2;
const DEV_LO: u32 = 0x4;
const DEV_HI: u32 = 0x8;

pub(super) fn device(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    // Nothing to tell a device by: every device would match.
    let product = entry.u16(2) | entry.u16(4);
    if product == 0 && entry.u8(10) == 0 && entry.u8(13) == 0 {
        return;
    }
    let flags = entry.u16(0);
    let low = if flags & DEV_LO != 0 { entry.u16(6) } else { 0 };
    let high = if flags & DEV_HI != 0 { entry.u16(8) } else { u32::MAX };
    for release in releases(low, high) {
        sink.alias(one(entry, &release));
    }
}

fn one(entry: &Entry<'_>, release: &str) -> Vec<u8> {
    let flags = entry.u16(0);
    let byte = |flag: u32, offset: usize| when(flags & flag != 0, entry.u8(offset));
    Pattern::new("usb:")
        .hex("v", 4, when(flags & VENDOR != 0, entry.u16(2)))
        .hex("p", 4, when(flags & PRODUCT != 0, entry.u16(4)))
        .word("d", Some(release.as_bytes()))
        .hex("dc", 2, byte(0x10, 10))
        .hex("dsc", 2, byte(0x20, 11))
        .hex("dp", 2, byte(0x40, 12))
        .hex("ic", 2, byte(0x80, 13))
        .hex("isc", 2, byte(0x100, 14))
        .hex("ip", 2, byte(0x200, 15))
        .hex("in", 2, byte(0x400, 16))
        .open()
}

/// The patterns that together match the releases from `low` to `high`.
///
/// Digits are decimal unless one of the bounds has another; an upper bound behind 9999 is none.
/// From the last digit to the first, what does not fill a group of ten (or sixteen) at either end
/// gets a pattern, and the groups between are the numbers of the next round.
fn releases(low: u32, high: u32) -> Vec<String> {
    let decimal = is_decimal(low) && is_decimal(high.min(0x9999));
    let last = if decimal { 9 } else { 0xf };
    let mut patterns = Vec::new();
    let (mut low, mut high) = (low, high);
    for kept in (0..4).rev() {
        if low > high {
            break;
        }
        let (first_digit, last_digit) = (low & 0xf, (high & 0xf).min(last));
        (low, high) = (low >> 4, high >> 4);
        if low == high || kept == 0 {
            patterns.push(pattern(low, kept, first_digit, last_digit, last));
            break;
        }
        if first_digit > 0 {
            patterns.push(pattern(low, kept, first_digit, last, last));
            low = step(low, 1, decimal);
        }
        if last_digit < last {
            patterns.push(pattern(high, kept, 0, last_digit, last));
            high = step(high, -1, decimal);
        }
    }
    patterns
}

fn is_decimal(number: u32) -> bool {
    (0..4).all(|digit| number >> (4 * digit) & 0xf <= 9)
}

/// The next number, up or down. A digit behind 9 in a decimal number counts as 9.
fn step(number: u32, by: i32, decimal: bool) -> u32 {
    if !decimal {
        return number.wrapping_add_signed(by);
    }
    let digit = |index: u32| (number >> (4 * index) & 0xf).min(9);
    let value = (digit(2) * 100 + digit(1) * 10 + digit(0)).wrapping_add_signed(by);
    value / 1000 << 12 | (value / 100 % 10) << 8 | (value / 10 % 10) << 4 | value % 10
}

/// `kept` digits of `number`, then one from `first` to `last`, then anything.
fn pattern(number: u32, kept: usize, first: u32, last: u32, highest: u32) -> String {
    let mut text = String::new();
    if kept > 0 {
        text += &format!("{number:0kept$X}");
    }
    if first == last {
        text += &format!("{first:X}");
    } else if first > 0 || last < highest {
        text += &match (first, last) {
            // A set, since 9 and A are no neighbours in ASCII.
            (0..=8, 0xa) => format!("[{first:X}-9A]"),
            (0..=8, 0xb..) => format!("[{first:X}-9A-{last:X}]"),
            (9, 0xa) => "[9A]".to_owned(),
            (9, 0xb..) => format!("[9A-{last:X}]"),
            _ => format!("[{first:X}-{last:X}]"),
        };
    }
    if kept < 3 {
        text.push('*');
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn ranges_of_releases() {
        for (low, high, patterns) in [
            (0, u32::MAX, "*"),
            (0x1234, 0x1234, "1234"),
            (0x1230, 0x1239, "123"),
            (0x0001, 0xfffe, "000[1-9] 00[1-9]* 0[1-9]* [1-9]*"),
            (0x1234, 0x5678, "123[4-9] 567[0-8] 12[4-9]* 56[0-6]* 1[3-9]* 5[0-5]* [2-4]*"),
            (0x0123, 0x0a00, "012[3-9A-F] 0A00 01[3-9A-F]* 0[2-9]*"),
            (0x0000, 0xa000, "A000 [0-8]*"),
            (0x999a, 0xffff, "999[A-F] 99[A-F]* 9[A-F]* [A-F]*"),
            (0x9700, 0xffff, "9[7-9]*"),
            (0x9700, u32::MAX, "9[7-9]* *"),
            (0x9999, 0xb890, "9999 B890"),
            (0x5678, 0x1234, ""),
        ] {
            assert_eq!(super::releases(low, high).join(" "), patterns, "{low:04x}-{high:04x}");
        }
    }
}
