//! Finding and decoding the kallsyms tables.
//!
//! The tables in the order of `.rodata`, each aligned to 8 bytes:
//!
//! ```text
//!  up to 6.3:  offsets, relative_base, num_syms, names, markers, [seqs_of_names,] token_table,
//!              token_index
//!  since 6.4:  num_syms, names, markers, token_table, token_index, offsets, relative_base,
//!              seqs_of_names
//! ```

use super::{Kallsyms, KallsymsError};
use crate::elf::Elf;
use crate::le;
use crate::symbols::SymbolTableBuilder;

/// Symbol counts believed: a tiny kernel has a few thousand, a large one with everything built in
/// a few hundred thousand.
const COUNTS: std::ops::RangeInclusive<u32> = 500..=4_000_000;
/// `KSYM_NAME_LEN` of Linux 6.1 and later (`include/linux/kallsyms.h`).
const MAX_NAME: usize = 512;
/// One marker (the position of a name) is kept for this many names.
const NAMES_PER_MARKER: usize = 256;
/// Tokens are short: the packer joins two at a time while that saves space.
const MAX_TOKEN: usize = 128;
/// So many places that look right at first sight are examined: one is in every real kernel.
const MAX_CANDIDATES: usize = 64;
/// The lowest address of the kernel's link range, `__START_KERNEL_map`.
const KERNEL_MAP: u64 = 0xffff_ffff_8000_0000;

/// Decodes all symbols of an unpacked `vmlinux`, at their linked addresses.
pub fn decode(vmlinux: &[u8]) -> Result<Kallsyms, KallsymsError> {
    let elf = Elf::parse(vmlinux)?;
    let rodata = elf.section_bytes(".rodata").ok_or(KallsymsError::NoRodata)?;
    decode_rodata(rodata)
}

/// Decodes the tables from the bytes of `.rodata`.
pub(super) fn decode_rodata(rodata: &[u8]) -> Result<Kallsyms, KallsymsError> {
    let mut failure = KallsymsError::NoTokens;
    let mut from = 0;
    for _ in 0..MAX_CANDIDATES {
        let Some(digits) = find_digits(rodata, from) else { break };
        from = digits + 1;
        let Some(tokens) = Tokens::around(rodata, digits) else { continue };
        match decode_with(rodata, &tokens) {
            Ok(table) => return Ok(table),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn decode_with(rodata: &[u8], tokens: &Tokens<'_>) -> Result<Kallsyms, KallsymsError> {
    let names =
        Names::before(rodata, tokens).ok_or(KallsymsError::NoNames { tokens: tokens.start })?;
    let addresses = Addresses::find(rodata, &names, tokens)
        .ok_or(KallsymsError::NoAddresses { names: names.start, count: names.count })?;
    let mut builder = SymbolTableBuilder::with_capacity(names.count);
    let mut name = Vec::with_capacity(MAX_NAME);
    let mut at = names.start;
    for index in 0..names.count {
        let bad = KallsymsError::BadName { index, offset: at };
        let Some((codes, next)) = packed_name(rodata, at) else { return Err(bad) };
        name.clear();
        for &code in codes {
            name.extend_from_slice(tokens.get(code));
        }
        // The first character of every name is its kind.
        match name.split_first() {
            Some((&kind, text)) if std::str::from_utf8(text).is_ok() => {
                builder.push(addresses.get(rodata, index).unwrap_or_default(), kind, text);
            }
            _ => return Err(bad),
        }
        at = next;
    }
    Ok(builder.build())
}

/// Finds `"0\0" "1\0" … "9\0"`: in the token table, a character that occurs in names stands for
/// itself, and all digits occur.
fn find_digits(data: &[u8], from: usize) -> Option<usize> {
    const PATTERN: &[u8; 20] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
    // Look only at where the "9" would be; a byte that is not in the pattern skips all of it.
    let mut at = from;
    loop {
        match data.get(at + 18)? {
            b'9' if data.get(at..at + PATTERN.len())? == PATTERN => return Some(at),
            b'9' | 0 => at += 1,
            digit @ b'0'..=b'8' => at += usize::from(b'9' - digit) * 2,
            _ => at += 19,
        }
    }
}

/// The token table and the index behind it.
struct Tokens<'a> {
    start: usize,
    /// Just behind `token_index`.
    end: usize,
    tokens: Vec<&'a [u8]>,
}

impl<'a> Tokens<'a> {
    /// The table in which token 0x30 lies at `digits`, if its index confirms it.
    fn around(rodata: &'a [u8], digits: usize) -> Option<Self> {
        let mut start = digits;
        for _ in 0..b'0' {
            // `start - 1` is the NUL of the token before.
            let end = start.checked_sub(1)?;
            let window = rodata.get(end.saturating_sub(MAX_TOKEN + 1)..end)?;
            let token = window.iter().rev().position(|&byte| byte == 0)?;
            start = end - token;
        }
        let mut tokens = Vec::with_capacity(256);
        let mut offsets = Vec::with_capacity(512);
        let mut at = start;
        for _ in 0..256 {
            let token = le::c_str(rodata, at)?;
            offsets.extend_from_slice(&u16::try_from(at - start).ok()?.to_le_bytes());
            tokens.push(token);
            at += token.len() + 1;
        }
        let index = le::align_up(at, 8)?;
        let end = index + offsets.len();
        (rodata.get(index..end)? == offsets).then_some(Self { start, end, tokens })
    }

    fn get(&self, code: u8) -> &'a [u8] {
        self.tokens.get(usize::from(code)).copied().unwrap_or_default()
    }
}

/// The token codes of the name at `at`, and where the next name begins. A length of 128 or more
/// takes two bytes, low seven bits first.
fn packed_name(rodata: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let first = usize::from(*rodata.get(at)?);
    let (length, start) = if first & 0x80 == 0 {
        (first, at + 1)
    } else {
        ((first & 0x7f) | usize::from(*rodata.get(at + 1)?) << 7, at + 2)
    };
    let end = start + length;
    (length > 0 && length <= MAX_NAME).then_some(())?;
    Some((rodata.get(start..end)?, end))
}

/// The packed names.
struct Names {
    /// Offset of `num_syms`.
    count_at: usize,
    start: usize,
    count: usize,
}

impl Names {
    /// Searches backwards from the token table for a count whose names and markers fit.
    fn before(rodata: &[u8], tokens: &Tokens<'_>) -> Option<Self> {
        let mut at = tokens.start & !7;
        let mut candidates = 0;
        while candidates < MAX_CANDIDATES {
            at = at.checked_sub(8)?;
            // The count is a 32-bit number in an 8-byte slot.
            let Some(count) = le::u64(rodata, at)
                .and_then(|word| u32::try_from(word).ok())
                .filter(|count| COUNTS.contains(count))
            else {
                continue;
            };
            let names = Self { count_at: at, start: at + 8, count: count as usize };
            if names.look_like_names(rodata, tokens) {
                if names.match_markers(rodata) {
                    return Some(names);
                }
                candidates += 1;
            }
        }
        None
    }

    /// A cheap test of the first names: a kind letter and printable text.
    fn look_like_names(&self, rodata: &[u8], tokens: &Tokens<'_>) -> bool {
        let mut at = self.start;
        for _ in 0..32 {
            let Some((codes, next)) = packed_name(rodata, at) else { return false };
            let mut text = codes.iter().flat_map(|&code| tokens.get(code).iter().copied());
            if !text.next().is_some_and(|kind| kind.is_ascii_alphabetic())
                || !text.all(|byte| byte.is_ascii_graphic())
            {
                return false;
            }
            at = next;
        }
        true
    }

    /// The full test: the markers behind the names hold the position of every 256th.
    fn match_markers(&self, rodata: &[u8]) -> bool {
        let mut positions = Vec::with_capacity(self.count.min(1 << 20) / NAMES_PER_MARKER + 1);
        let mut at = self.start;
        for index in 0..self.count {
            if index % NAMES_PER_MARKER == 0 {
                positions.push(at - self.start);
            }
            let Some((_, next)) = packed_name(rodata, at) else { return false };
            at = next;
        }
        let Some(markers) = le::align_up(at, 8) else { return false };
        positions.iter().enumerate().all(|(index, &position)| {
            le::u32(rodata, markers + index * 4).is_some_and(|found| found as usize == position)
        })
    }
}

/// The symbols' addresses: 32-bit offsets from a base.
struct Addresses {
    offsets: usize,
    base: u64,
    /// `CONFIG_KALLSYMS_ABSOLUTE_PERCPU` (x86-64 up to 6.14): entries from 0 up are absolute
    /// values (per-CPU offsets), negative ones count from the base.
    absolute_percpu: bool,
}

impl Addresses {
    fn find(rodata: &[u8], names: &Names, tokens: &Tokens<'_>) -> Option<Self> {
        let size = le::align_up(names.count.checked_mul(4)?, 8)?;
        // Up to 6.3 they lie before the names, since 6.4 behind the token index.
        let before = names
            .count_at
            .checked_sub(8)
            .and_then(|base| Self::check(rodata, base.checked_sub(size)?, base, names.count));
        before.or_else(|| {
            let offsets = le::align_up(tokens.end, 8)?;
            Self::check(rodata, offsets, offsets.checked_add(size)?, names.count)
        })
    }

    /// Accepts the tables if the base is a kernel address and the addresses ascend.
    fn check(rodata: &[u8], offsets: usize, base_at: usize, count: usize) -> Option<Self> {
        let base = le::u64(rodata, base_at).filter(|&base| base >= KERNEL_MAP)?;
        let absolute_percpu =
            (0..count).any(|index| le::i32(rodata, offsets + index * 4).is_some_and(|v| v < 0));
        let addresses = Self { offsets, base, absolute_percpu };
        let mut last = 0;
        for index in 0..count {
            let address = addresses.get(rodata, index).filter(|&address| address >= last)?;
            last = address;
        }
        Some(addresses)
    }

    fn get(&self, rodata: &[u8], index: usize) -> Option<u64> {
        let offset = le::i32(rodata, self.offsets + index * 4)?;
        Some(if !self.absolute_percpu {
            self.base.wrapping_add(u64::from(offset as u32))
        } else if offset >= 0 {
            offset as u64
        } else {
            // -1 is the base itself, -2 one byte further, and so on.
            self.base.wrapping_add(!i64::from(offset) as u64)
        })
    }
}
