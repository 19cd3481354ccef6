//! Random device tables of every type: the same aliases from the kernel's modpost and from komod's.
#![forbid(unsafe_code)]

mod common;
#[path = "common/modpost.rs"]
mod modpost;

use common::trees;
use modpost::Case;
use std::fmt::Write;

/// Types and sizes of entries (`include/linux/mod_devicetable.h`, x86-64).
const TYPES: [(&str, usize); 56] = [
    ("acpi", 32),
    ("amba", 16),
    ("ap", 16),
    ("auxiliary", 40),
    ("bcma", 6),
    ("ccw", 16),
    ("cdx", 20),
    ("coreboot", 16),
    ("cpu", 2),
    ("css", 16),
    ("dfl", 16),
    ("dmi", 344),
    ("eisa", 16),
    ("fslmc", 18),
    ("hdaudio", 32),
    ("hid", 24),
    ("i2c", 32),
    ("i3c", 16),
    ("ieee1394", 32),
    ("input", 200),
    ("ipack", 12),
    ("isapnp", 16),
    ("ishtp", 24),
    ("mdio", 8),
    ("mei", 64),
    ("mhi", 40),
    ("mhi_ep", 40),
    ("mipscdmm", 1),
    ("of", 200),
    ("parisc", 8),
    ("pci", 40),
    ("pcmcia", 80),
    ("platform", 32),
    ("pnp", 16),
    ("pnp_card", 80),
    ("rapidio", 8),
    ("rpmsg", 40),
    ("sdio", 16),
    ("sdw", 16),
    ("serio", 4),
    ("slim", 16),
    ("spi", 40),
    ("ssam", 16),
    ("ssb", 6),
    ("tbsvc", 40),
    ("tee", 16),
    ("typec", 16),
    ("ulpi", 16),
    ("usb", 32),
    ("vchiq", 32),
    ("vio", 64),
    ("virtio", 8),
    ("vmbus", 24),
    ("wmi", 48),
    ("x86cpu", 24),
    ("zorro", 16),
];

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

fn entry(kind: &str, size: usize, random: &mut Random) -> Vec<u8> {
    const TEXTUAL: [&str; 18] = [
        "acpi",
        "auxiliary",
        "dmi",
        "eisa",
        "fslmc",
        "i2c",
        "mei",
        "mhi",
        "mhi_ep",
        "of",
        "platform",
        "pnp",
        "pnp_card",
        "rpmsg",
        "spi",
        "vchiq",
        "vio",
        "wmi",
    ];
    let textual = TEXTUAL.contains(&kind) && random.below(8) != 0;
    let mut bytes = Vec::new();
    while bytes.len() < size {
        let style = random.below(6);
        let run = if textual { 1 + random.below(24) } else { 1 << random.below(4) };
        for _ in 0..run {
            bytes.push(match (textual, style) {
                (true, 0 | 1) => 0,
                (true, _) => b" abcXYZ019:-,_."[random.below(15) as usize],
                (false, 0 | 1) => 0,
                (false, 2) => 0xff,
                (false, 3) => 1 << random.below(8),
                (false, _) => random.below(256) as u8,
            });
        }
        if textual {
            bytes.push(0);
        }
    }
    bytes.truncate(size);
    if textual {
        bytes[size - 1] = 0;
    }
    repair(kind, &mut bytes, random);
    bytes
}

/// What a table must not have, or has too seldom by chance.
fn repair(kind: &str, bytes: &mut [u8], random: &mut Random) {
    match kind {
        // An identifier with bits outside the mask ends the run.
        "amba" => (0..4).for_each(|at| bytes[at] &= bytes[at + 4]),
        "pci" | "cdx" => {
            let at = if kind == "pci" { 32 } else { 16 };
            bytes[at..at + 4].copy_from_slice(&[(random.below(9) / 4) as u8, 0, 0, 0]);
            if kind == "cdx" && random.below(2) == 0 {
                bytes[12..16].copy_from_slice(&[0xff, 0xff, 0xff, 0]);
            }
            if kind == "pci" && random.below(4) != 0 {
                bytes[20] = 0;
                (21..24).for_each(|at| bytes[at] = 0u8.wrapping_sub(random.below(2) as u8));
            }
        }
        "usb" if random.below(4) != 0 => {
            bytes[0] |= 4 << random.below(2) | 4 << random.below(2);
            for at in 6..10 {
                bytes[at] = (random.below(10) << 4 | random.below(10)) as u8;
                if random.below(30) == 0 {
                    bytes[at] = random.below(256) as u8;
                }
            }
            let word = |at: usize, bytes: &[u8]| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
            let (mut low, mut high) = (word(6, bytes), word(8, bytes));
            if random.below(3) == 0 {
                high = low & 0xff00 | high & 0xff;
            }
            if random.below(3) == 0 {
                low &= 0xff00;
            }
            if random.below(5) == 0 {
                high = 0x9999;
            }
            if low > high {
                (low, high) = (high, low);
            }
            bytes[6..8].copy_from_slice(&low.to_le_bytes());
            bytes[8..10].copy_from_slice(&high.to_le_bytes());
        }
        "wmi" if random.below(8) != 0 => {
            bytes[..37].copy_from_slice(b"8D9DDCBC-A997-11DA-B012-B622A1EF5492\0")
        }
        // All bits set would be longer than modpost's buffer.
        "input" => {
            bytes[24..192].iter_mut().for_each(|byte| *byte &= (1u64 << random.below(60)) as u8)
        }
        _ => (),
    }
}

fn assembly(kind: &str, size: usize, count: usize, random: &mut Random) -> String {
    let mut text = String::from(".section .modinfo,\"a\"\n.asciz \"license=GPL\"\n.data\n");
    let name = format!("__mod_{kind}__ids_device_table");
    writeln!(text, ".globl {name}\n.type {name},@object\n{name}:").unwrap();
    for index in 0..count {
        let bytes = if index == 1 { vec![0; size] } else { entry(kind, size, random) };
        let list: Vec<String> = bytes.iter().map(u8::to_string).collect();
        writeln!(text, ".byte {}", list.join(",")).unwrap();
    }
    writeln!(text, ".fill {size},1,0\n.size {name}, .-{name}").unwrap();
    text
}

/// Compares tables of all types; `rounds` differ by the seed.
fn compare(count: usize, rounds: u64) {
    let only = std::env::var("KOMOD_TEST_TABLE").ok();
    for tree in trees() {
        for round in 1..=rounds {
            let mut failed = Vec::new();
            for (index, (kind, size)) in TYPES.into_iter().enumerate() {
                let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ round << 32 ^ (index as u64) << 8);
                if only.as_deref().is_some_and(|only| only != kind) {
                    continue;
                }
                let mut case = Case::new(&tree, kind);
                case.without_kernel = true;
                case.options.warn_unresolved = true;
                case.assembly("table", &assembly(kind, size, count, &mut random));
                let (reference, ours) = (case.reference(), case.ours());
                if reference != ours {
                    failed.push(kind);
                    let lines = |text: &modpost::Left| {
                        let files: String = text.files.values().cloned().collect();
                        (text.messages.clone() + &files)
                            .lines()
                            .map(str::to_owned)
                            .collect::<Vec<_>>()
                    };
                    let (a, b) = (lines(&reference), lines(&ours));
                    let differing = a.iter().zip(&b).filter(|(a, b)| a != b).take(3);
                    println!("{kind}: {} and {} lines", a.len(), b.len());
                    differing.for_each(|(a, b)| println!("  {a}\n  {b}"));
                }
            }
            assert!(failed.is_empty(), "{} differ: {failed:?}", tree.release);
        }
    }
}

#[test]
fn random_tables() {
    let rounds = std::env::var("KOMOD_TEST_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    compare(200, rounds);
}
