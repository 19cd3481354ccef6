//! Scenes made by rule: many values of one field, each a module of its own.

use super::scene::{Attempt, Scene};
use crate::oracle::loaders::case::Load;
use crate::oracle::loaders::mutate::{E_MACHINE, E_SHENTSIZE, E_SHSTRNDX, E_TYPE, Header, Mutant};
use crate::oracle::loaders::ours::Built;
use anyhow::{Context, Result};
use guest_init::Who;
use komod_object::elf::{SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_NOBITS, SHT_PROGBITS};

/// What is written to a parameter of each type (`every_param.c`).
const PARAMETERS: &[&str] = &[
    "a_byte",
    "a_short",
    "a_ushort",
    "an_int",
    "a_uint",
    "a_long",
    "a_ulong",
    "a_ullong",
    "a_hexint",
    "a_charp",
    "a_bool",
    "an_invbool",
    "a_bint",
    "shorts",
    "bools",
    "text",
    "an_unsafe",
    "a_port",
];
const VALUES: &[&str] = &[
    "=0",
    "=255",
    "=256",
    "=-1",
    "=65536",
    "=4294967296",
    "=18446744073709551616",
    "=0x1f",
    "=017",
    "=08",
    "=+5",
    "=5\n",
    "=",
    "",
    "=y",
    "=on",
    "=off",
    "=x",
    "=1,2",
    "=1,2,3,4",
    "=1,,2",
    "=abcdefgh",
];

/// Bits of the relocation type's number that are tried: all the psABI has, and some it has not.
const RELOCATIONS: u32 = 48;

pub fn scenes(built: &Built) -> Result<Vec<Scene>> {
    let mut all = Vec::new();
    parameters(built, &mut all)?;
    file_header(built, &mut all)?;
    sections(built, &mut all)?;
    relocations(built, &mut all)?;
    versions(built, &mut all)?;
    inits(built, &mut all)?;
    people(built, &mut all)?;
    Ok(all)
}

fn parameters(built: &Built, all: &mut Vec<Scene>) -> Result<()> {
    for (number, name) in PARAMETERS.iter().enumerate() {
        // Every type meets a third of the values, so that all meet all in three neighbours.
        for value in VALUES.iter().skip(number % 3).step_by(3) {
            let load = built.load("every_param")?;
            let params = format!("{name}{value}");
            all.push(Scene::of(format!("parameter {params:?}"), Load { params, ..load }));
        }
    }
    Ok(())
}

fn mutant(built: &Built, base: &str) -> Result<Mutant> {
    Ok(Mutant::new(&built.load(base)?.bytes))
}

fn changed(
    built: &Built,
    base: &str,
    name: String,
    all: &mut Vec<Scene>,
    change: impl FnOnce(&mut Mutant) -> Result<()>,
) -> Result<()> {
    let mut mutant = mutant(built, base)?;
    change(&mut mutant).with_context(|| name.clone())?;
    all.push(Scene::of(name, Load::new(base, &mutant.0)));
    Ok(())
}

fn file_header(built: &Built, all: &mut Vec<Scene>) -> Result<()> {
    for (field, at, values) in [
        ("type", E_TYPE, &[0u16, 2, 4, 0xfe00, 0xffff][..]),
        ("machine", E_MACHINE, &[0, 3, 8, 21, 40, 243]),
        ("section header size", E_SHENTSIZE, &[0, 40, 63, 65]),
        ("names' section", E_SHSTRNDX, &[0, 1, 0xff00, 0xffff]),
    ] {
        for value in values {
            let name = format!("ELF header: {field} {value:#x}");
            changed(built, "hello", name, all, |m| m.put(at, &value.to_le_bytes()))?;
        }
    }
    for length in [1, 63, 64, 65, 1000, 4096] {
        changed(built, "hello", format!("cut to {length}"), all, |m| {
            m.0.truncate(length);
            Ok(())
        })?;
    }
    for more in [1, 8, 4096] {
        changed(built, "hello", format!("{more} bytes behind"), all, |m| {
            m.0.extend(vec![0x5a; more]);
            Ok(())
        })?;
    }
    for start in [&b"\x1f\x8b\x08\0"[..], b"\x28\xb5\x2f\xfd", b"\x7fELG", b"\0ELF"] {
        changed(built, "hello", format!("begins with {start:x?}"), all, |m| m.put(0, start))?;
    }
    Ok(())
}

fn sections(built: &Built, all: &mut Vec<Scene>) -> Result<()> {
    let flags = [SHF_ALLOC, SHF_ALLOC | SHF_WRITE, SHF_ALLOC | SHF_EXECINSTR];
    let write_exec = SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR;
    for name in [".text", ".rodata.str1.1", ".modinfo", "__versions", ".exit.text"] {
        let Ok(index) = mutant(built, "counter")?.section(name) else { continue };
        changed(built, "counter", format!("{name} may be written and run"), all, |m| {
            m.set(index, Header::Flags, write_exec)
        })?;
        for (field, header) in [
            ("offset", Header::Offset),
            ("size", Header::Size),
            ("name", Header::Name),
            ("link", Header::Link),
        ] {
            if matches!(header, Header::Link) {
                continue;
            }
            for value in [u64::from(u32::MAX), u64::MAX, 1 << 40] {
                let title = format!("{name}: {field} {value:#x}");
                changed(built, "counter", title, all, |m| m.set(index, header, value))?;
            }
        }
    }
    for (number, size) in
        [1_u64, 4096, 9000, 32 << 10, (32 << 10) + 1, 1 << 20].into_iter().enumerate()
    {
        changed(built, "hello", format!("{size} bytes per CPU"), all, |m| {
            m.add(".data..percpu", SHT_PROGBITS, flags[1], &vec![0; size as usize], 0)
        })?;
        changed(built, "hello", format!("a section of kind {number} more"), all, |m| {
            m.add(".komod", SHT_NOBITS, flags[number % 3], &[], 4096)
        })?;
    }
    for section in [
        ".init.text",
        ".exit.text",
        ".text",
        ".symtab",
        ".strtab",
        ".modinfo",
        "__versions",
        "__ksymtab",
        "__ksymtab_strings",
        "__kcrctab",
        "__bug_table",
        ".altinstructions",
        "__mcount_loc",
        ".orc_unwind",
        ".orc_unwind_ip",
        "__jump_table",
        "__param",
        ".data",
        ".bss",
        ".note.gnu.build-id",
        ".return_sites",
        ".retpoline_sites",
    ] {
        // Which has none of them is what it is without.
        if mutant(built, "counter")?.section(section).is_err() {
            continue;
        }
        if [".symtab", ".strtab", ".init.text", ".text"].contains(&section) {
            continue;
        }
        changed(built, "counter", format!("{section} renamed"), all, |m| {
            m.rename(section, ".komod.none")
        })?;
    }
    Ok(())
}

fn relocations(built: &Built, all: &mut Vec<Scene>) -> Result<()> {
    for kind in 0..RELOCATIONS {
        // Those that are known to the kernel change what its code does.
        let harmless = ![1, 2, 4, 10, 11, 24].contains(&kind);
        if harmless {
            changed(built, "hello", format!("a relocation of type {kind}"), all, |m| {
                let at = m.first_rela(".exit.text")? + 8;
                m.put(at, &kind.to_le_bytes())
            })?;
        }
    }
    for (kind, addend) in [
        (10_u32, 0_u64),
        (10, 0x7fff_ffff),
        (11, 0x8000_0000),
        (11, 0xffff_ffff),
        (2, 1 << 31),
        (2, 1 << 33),
        (4, 1 << 40),
        (11, u64::MAX << 40),
    ] {
        let title = format!("a relocation of type {kind} with {addend:#x}");
        changed(built, "hello", title, all, |m| {
            let at = m.first_rela(".exit.text")? + 8;
            m.put(at, &kind.to_le_bytes())?;
            m.put(at + 8, &addend.to_le_bytes())
        })?;
    }
    for (number, bytes) in [&[1_u8][..], &[0, 0, 0, 0x80], &[0xff; 4]].into_iter().enumerate() {
        changed(built, "hello", format!("L-37 value {number}"), all, |m| {
            m.at_first_target(".exit.text", bytes)
        })?;
    }
    Ok(())
}

fn versions(built: &Built, all: &mut Vec<Scene>) -> Result<()> {
    for base in ["counter", "every_kind", "params"] {
        let names = std::cell::RefCell::new(Vec::new());
        mutant(built, base)?.versions(|name, crc| {
            names.borrow_mut().push(name.to_owned());
            Some(crc)
        })?;
        for symbol in names.into_inner().into_iter().filter(|name| name != "module_layout").take(12)
        {
            changed(built, base, format!("{base}: another checksum of {symbol}"), all, |m| {
                m.versions(|name, crc| Some(crc ^ u32::from(name == symbol) << 7))
            })?;
            changed(built, base, format!("{base}: no checksum of {symbol}"), all, |m| {
                m.versions(|name, crc| (name != symbol).then_some(crc))
            })?;
        }
    }
    for license in ["GPL v2", "GPL and additional rights", "Dual BSD/GPL", "MIT", "BSD", ""] {
        changed(built, "hello", format!("licence {license:?}"), all, |m| {
            m.modinfo("license", Some(license))
        })?;
    }
    for (key, value) in [
        ("vermagic", "6.1.0"),
        ("vermagic", ""),
        ("vermagic", " SMP"),
        ("retpoline", "N"),
        ("livepatch", "N"),
        ("staging", "N"),
        ("intree", "N"),
        ("test", "N"),
        ("name", "other"),
        ("import_ns", "NONE"),
        ("depends", "none"),
        ("srcversion", "X"),
    ] {
        changed(built, "hello", format!(".modinfo: {key}={value}"), all, |m| {
            m.modinfo(key, Some(value))
        })?;
    }
    Ok(())
}

/// What init returns. Beyond the load itself only the error is foretold, which is init's own.
fn inits(built: &Built, all: &mut Vec<Scene>) -> Result<()> {
    for result in [0, 5] {
        let params = format!("result={result}");
        let load = Load { params, ..built.load("odd_init")? };
        all.push(Scene::of(format!("init returns {result}"), load));
    }
    Ok(())
}

fn people(built: &Built, all: &mut Vec<Scene>) -> Result<()> {
    for base in ["hello", "counter", "params"] {
        let mut scene = Scene::of(format!("L-01 nobody loads {base}"), built.load(base)?);
        scene.loads[0].who = Who::Nobody;
        all.push(scene);
    }
    let mut broken = Scene::of("L-01 nobody loads what is broken".into(), Load::new("x", b"x"));
    broken.loads[0].who = Who::Nobody;
    all.push(broken);
    for base in ["counter", "params"] {
        let mut twice = Scene::of(format!("L-24 {base} twice"), built.load(base)?);
        twice.loads.insert(0, Attempt::by(Who::Root, built.load(base)?));
        all.push(twice);
    }
    Ok(())
}
