//! Objects with bytes changed at random: modpost answers, whatever it is, and the same each time.
#![forbid(unsafe_code)]

mod common;
#[path = "common/modpost.rs"]
mod modpost;

use common::Scratch;
use komod_build::modpost::{Dialect, Files, Input, ModuleObject, Options, SymbolDump, run};
use std::fs;
use std::process::Command;

/// Every companion file has this text.
struct Always(&'static [u8]);

impl Files for Always {
    fn read(&self, _path: &str) -> Option<Vec<u8>> {
        Some(self.0.to_vec())
    }
}

fn objects() -> Vec<Vec<u8>> {
    let scratch = Scratch::new("damage");
    let table = |kind: &str, size: usize| {
        let name = format!("__mod_{kind}__ids_device_table");
        format!(
            ".data\n.globl {name}\n.type {name},@object\n{name}: .fill {},1,{}\n.fill {size},1,0\n\
             .size {name}, .-{name}\n",
            3 * size,
            // Texts without an end are too long for an alias.
            if matches!(kind, "pci" | "usb") { 0x41 } else { 0 }
        )
    };
    let tables =
        [("pci", 40), ("usb", 32), ("of", 200), ("dmi", 344), ("pnp_card", 80), ("input", 200)];
    let tables: String = tables.iter().map(|(kind, size)| table(kind, *size)).collect();
    let exports = [
        ".section ___ksymtab+x,\"a\"\n__ksymtab_x: .long x - .\n__kstrtabns_x: .asciz \"NS\"\n",
        ".section .export_symbol,\"a\"\n__export_symbol_x: .asciz \"GPL\"\n.asciz \"NS\"\n.balign 8\n.quad x\n",
    ];
    let text = "call f\n.globl x\nx: .quad .init.text\n.section .init.text,\"ax\"\n.zero 9\n\
        .section .mine,\"ax\"\nret\n.section __ex_table,\"a\"\n.long .mine - .\n.section .odd\n.long 1\n";
    exports
        .iter()
        .enumerate()
        .map(|(index, export)| {
            let source = format!(
                "{}.asciz \"version=1\"\n.text\n{text}{tables}{export}",
                modpost::HEAD.replace(".text\n", "")
            );
            let path = scratch.write(&format!("{index}.s"), &source);
            let object = path.with_extension("o");
            let made =
                Command::new("as").arg("--no-warn").arg(&path).arg("-o").arg(&object).status();
            assert!(made.unwrap().success());
            fs::read(object).unwrap()
        })
        .collect()
}

#[test]
fn damaged_objects() {
    let rounds =
        std::env::var("KOMOD_TEST_ROUNDS").map_or(20_000, |rounds| rounds.parse().unwrap());
    let dump = SymbolDump::parse("x", b"0x1\tf\tother\tEXPORT_SYMBOL_GPL\tNS\n").unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % limit
    };
    let (mut failed, mut wrote) = (0, 0);
    for object in objects() {
        for round in 0..rounds {
            // The first is as it was made.
            let mut bytes = object.clone();
            for _ in 0..round % 6 {
                // Headers and symbols are where the damage is worst: they stand at the end.
                let at = if random(2) == 0 {
                    random(bytes.len())
                } else {
                    bytes.len() - 1 - random(2000)
                };
                bytes[at] = [0, 1, 0x7f, 0x80, 0xff, random(256) as u8][random(6)];
            }
            if round % 50 == 49 {
                bytes.truncate(random(bytes.len()));
            }
            for dialect in [Dialect::Ksymtab, Dialect::ExportSymbol] {
                let input = Input {
                    modules: &[ModuleObject { path: "m", bytes: &bytes }],
                    dumps: &[&dump],
                    files: &Always(b"\nsource_m.o := m.c\n#SYMVER x 0x1 \"/* \\"),
                    options: Options {
                        warn_unresolved: true,
                        allow_missing_namespaces: true,
                        ..Options::default()
                    },
                    dialect,
                };
                let output = run(&input);
                if round == 0 {
                    assert!(!output.failed, "{:?}", output.messages);
                }
                failed += usize::from(output.failed);
                wrote += output.modules.iter().filter(|module| module.source.is_some()).count();
            }
        }
    }
    println!("{failed} failed, {wrote} written");
    assert!(failed > 1000 && wrote > 100, "{failed} {wrote}");
}
