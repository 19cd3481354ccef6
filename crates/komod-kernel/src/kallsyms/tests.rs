//! The tables as the kernel's build writes them, in miniature.

use super::decode::decode_rodata;
use super::*;

const BASE: u64 = 0xffff_ffff_8100_0000;
const COUNT: usize = 700;
const PERCPU: usize = 10;

#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// Up to 6.3.
    OffsetsFirst,
    /// 6.4 to 6.14.
    OffsetsLast,
    /// Since 6.15: no absolute per-CPU symbols.
    AllRelative,
}

fn align(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(8), 0);
}

fn name(index: usize) -> String {
    // One name is long enough to need two length bytes.
    if index == 20 { format!("long_{}", "x".repeat(200)) } else { format!("symbol_{index:04}") }
}

fn address(index: usize, order: Order) -> u64 {
    if index < PERCPU && order != Order::AllRelative {
        index as u64 * 0x40
    } else {
        BASE + index as u64 * 0x10
    }
}

/// Printable characters stand for themselves, token 1 is what all names begin with, the rest are
/// there because a table has 256.
fn token(code: u8) -> Vec<u8> {
    match code {
        1 => b"symbol_".to_vec(),
        2..=32 | 127.. => vec![b'@', code.max(33)],
        0 => b"@".to_vec(),
        _ => vec![code],
    }
}

fn offsets(out: &mut Vec<u8>, order: Order) {
    align(out);
    for index in 0..COUNT {
        let address = address(index, order);
        let offset = match order {
            Order::AllRelative => (address - BASE) as i32,
            _ if index < PERCPU => address as i32,
            _ => -1 - (address - BASE) as i32,
        };
        out.extend_from_slice(&offset.to_le_bytes());
    }
    align(out);
    out.extend_from_slice(&BASE.to_le_bytes());
}

fn rodata(order: Order) -> Vec<u8> {
    let mut out = vec![0x5a; 333];
    if order == Order::OffsetsFirst {
        offsets(&mut out, order);
    }
    align(&mut out);
    out.extend_from_slice(&(COUNT as u64).to_le_bytes());
    let start = out.len();
    let mut markers = Vec::new();
    for index in 0..COUNT {
        if index % 256 == 0 {
            markers.extend_from_slice(&((out.len() - start) as u32).to_le_bytes());
        }
        let text = format!("T{}", name(index)).replace("symbol_", "\u{1}");
        match text.len() {
            short @ 0..128 => out.push(short as u8),
            long => out.extend_from_slice(&[long as u8 & 0x7f | 0x80, (long >> 7) as u8]),
        }
        out.extend_from_slice(text.as_bytes());
    }
    align(&mut out);
    out.extend(markers);
    align(&mut out);
    let tokens = out.len();
    let mut index = Vec::new();
    for code in 0..=255 {
        index.extend_from_slice(&((out.len() - tokens) as u16).to_le_bytes());
        out.extend(token(code));
        out.push(0);
    }
    align(&mut out);
    out.extend(index);
    if order != Order::OffsetsFirst {
        offsets(&mut out, order);
    }
    out.extend_from_slice(&[0x5a; 100]);
    out
}

#[test]
fn all_orders_of_the_tables_are_understood() {
    for order in [Order::OffsetsFirst, Order::OffsetsLast, Order::AllRelative] {
        let table = decode_rodata(&rodata(order)).unwrap();
        assert_eq!(table.len(), COUNT);
        for (index, symbol) in table.iter().enumerate() {
            assert_eq!(symbol.name, name(index));
            assert_eq!((symbol.kind, symbol.address), (b'T', address(index, order)));
        }
    }
}

#[test]
fn truncated_and_damaged_tables_never_panic() {
    let good = rodata(Order::OffsetsFirst);
    let needed = good.len() - 100;
    for length in (0..needed).step_by(97).chain([needed - 1]) {
        assert!(decode_rodata(&good[..length]).is_err(), "{length} bytes");
    }
    for order in [Order::OffsetsFirst, Order::OffsetsLast] {
        let good = rodata(order);
        for at in (0..good.len()).step_by(13) {
            for value in [0, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                if let Ok(table) = decode_rodata(&bad) {
                    assert_eq!(table.len(), COUNT);
                }
            }
        }
    }
    assert_eq!(decode_rodata(&[]).err(), Some(KallsymsError::NoTokens));
}

#[test]
fn a_digit_pattern_alone_is_not_a_token_table() {
    let digits = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00".repeat(500);
    assert_eq!(decode_rodata(&digits).err(), Some(KallsymsError::NoTokens));
}
