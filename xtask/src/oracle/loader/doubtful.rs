//! Scenes about what one could think that the kernel checks, or does not: fields that it ignores,
//! odd alignments, live patch sections, names of parameters.

use super::scene::Scene;
use crate::oracle::loaders::case::Load;
use crate::oracle::loaders::mutate::{Header, Mutant};
use crate::oracle::loaders::ours::Built;
use crate::project;
use anyhow::{Context, Result, bail};
use komod_object::elf::{
    SHF_ALLOC, SHF_EXECINSTR, SHF_RELA_LIVEPATCH, SHF_WRITE, SHN_LIVEPATCH, SHT_NULL, SHT_PROGBITS,
    SHT_RELA,
};
use std::process::Command;

/// Argument strings for the example `params`.
const ARGUMENTS: &[&str] = &[
    "params.count=3",
    "params.dyndbg=+p",
    "other.dyndbg",
    "a.b.dyndbg=+p",
    "dyndbg.count=1",
    "dyndbg",
    "dyndbg=+pmf",
    "dyndbg=bogus",
    "dyndbg=+px",
    "dyndbg=",
    "\"dyndbg=func a +p; colour red =_\"",
    "\"dyndbg=line 9-3 +p\"",
    "\"dyndbg=func a func b -p\"",
    "\"dyndbg=format 'a b +p\"",
    "async_probe",
    "async_probe=n",
    "x.async_probe=1",
    "count=many params.count=3",
    "dyndbg=bogus count=many",
];

pub fn scenes(built: &Built) -> Result<Vec<Scene>> {
    let hello = built.load("hello")?;
    let mut all = Vec::new();
    for args in ARGUMENTS {
        let load = Load { params: (*args).to_owned(), ..built.load("params")? };
        all.push(Scene::of(format!("arguments {args:?}"), load));
    }
    for (what, at, bytes) in [
        ("no class", 4, &[0_u8][..]),
        ("class 32", 4, &[1]),
        ("class 3", 4, &[3]),
        ("no byte order", 5, &[0]),
        ("big-endian", 5, &[2]),
        ("32 bits, big-endian", 4, &[1, 2]),
        ("version 0", 6, &[0]),
        ("another system", 7, &[9, 9]),
        ("e_version 7", 20, &[7, 0, 0, 0]),
        ("an entry point", 24, &[0x10, 0, 0, 0]),
        ("e_flags", 48, &[0xff; 4]),
        ("size of the header 52", 52, &[52, 0]),
    ] {
        let mut file = Mutant::new(&hello.bytes);
        file.put(at, bytes)?;
        all.push(Scene::of(format!("ELF header: {what}"), Load::new("hello", &file.0)));
    }
    for flag in ["-m32", "-mx32"] {
        all.push(Scene::of(
            format!("compiled with {flag}"),
            Load::new("foreign", &compiled(flag)?),
        ));
    }
    let mut change = |name: &str, change: &dyn Fn(&mut Mutant) -> Result<()>| -> Result<()> {
        let mut file = Mutant::new(&hello.bytes);
        change(&mut file).with_context(|| name.to_owned())?;
        all.push(Scene::of(name.to_owned(), Load::new("hello", &file.0)));
        Ok(())
    };
    null_sections(&mut change)?;
    alignments(&mut change)?;
    live_patches(&mut change)?;
    Ok(all)
}

type Change<'c> = dyn FnMut(&str, &dyn Fn(&mut Mutant) -> Result<()>) -> Result<()> + 'c;

/// An object of a machine with other words.
fn compiled(flag: &str) -> Result<Vec<u8>> {
    let folder = project::target_dir().join("loader-modules");
    std::fs::create_dir_all(&folder)?;
    let (source, object) = (folder.join("foreign.c"), folder.join(format!("foreign{flag}.o")));
    std::fs::write(&source, "int init_module(void) { return 0; }\n")?;
    let gcc = Command::new("gcc").args([flag, "-c", "-o"]).arg(&object).arg(&source).status();
    let status = gcc.context("gcc")?;
    if !status.success() {
        bail!("gcc {flag}: {status}");
    }
    std::fs::read(&object).with_context(|| object.display().to_string())
}

fn null_sections(change: &mut Change<'_>) -> Result<()> {
    let null = |m: &mut Mutant, flags: u64| -> Result<usize> {
        let index = m.section(".comment")?;
        m.set(index, Header::Type, SHT_NULL.into())?;
        m.set(index, Header::Flags, flags)?;
        Ok(index)
    };
    change("a null section in memory", &|m| null(m, SHF_ALLOC).map(drop))?;
    change("a null section with code in memory", &|m| {
        null(m, SHF_ALLOC | SHF_EXECINSTR).map(drop)
    })?;
    change("a null section in memory, empty and far away", &|m| {
        let index = null(m, SHF_ALLOC)?;
        m.set(index, Header::Size, 0)?;
        m.set(index, Header::Offset, 1 << 40)
    })?;
    change("a null section in memory, outside", &|m| {
        let index = null(m, SHF_ALLOC)?;
        m.set(index, Header::Offset, 1 << 40)
    })?;
    change("a null section outside", &|m| {
        let index = null(m, 0)?;
        m.set(index, Header::Offset, 1 << 40)
    })?;
    change("a null section without name", &|m| {
        let index = null(m, 0)?;
        m.set(index, Header::Name, 0xffff_ffff)
    })
}

fn alignments(change: &mut Change<'_>) -> Result<()> {
    for align in [0, 1, 3, 4, 6, 24, 64, 4096, 5000, 8192, 1 << 20] {
        change(&format!("per-CPU data aligned to {align}"), &|m| {
            m.add(".data..percpu", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, &[1; 100], 0)?;
            m.set(m.section(".data..percpu")?, Header::Align, align)
        })?;
    }
    for align in [0, 3, 6, 24, 5000, 8192, 0xffff_ffff] {
        for (what, flags) in [
            ("constants", SHF_ALLOC),
            ("data", SHF_ALLOC | SHF_WRITE),
            ("code", SHF_ALLOC | SHF_EXECINSTR),
        ] {
            change(&format!("{what} aligned to {align}"), &|m| {
                m.add(".komod", SHT_PROGBITS, flags, &[0x90; 33], 0)?;
                m.set(m.section(".komod")?, Header::Align, align)
            })?;
        }
    }
    Ok(())
}

/// One relocation in a section that is marked as a live patch's, of a place of its own.
fn live_patches(change: &mut Change<'_>) -> Result<()> {
    let kernel = ".klp.rela.vmlinux..komod";
    let good = ".klp.sym.vmlinux.ksize,0";
    for (what, section, symbol, shndx, kind) in [
        ("of the kernel", kernel, good, SHN_LIVEPATCH, 1_u32),
        ("of a module that is not there", ".klp.rela.ext4..komod", good, SHN_LIVEPATCH, 1),
        ("of a module, of whatever type", ".klp.rela.ext4..komod", good, SHN_LIVEPATCH, 99),
        ("without object", ".klp.rela..komod", good, SHN_LIVEPATCH, 1),
        ("with another name", ".rela.komod", good, SHN_LIVEPATCH, 1),
        ("with a plain symbol", kernel, good, 0xfff1, 1),
        ("with a symbol's plain name", kernel, "ksize", SHN_LIVEPATCH, 1),
        ("without position", kernel, ".klp.sym.vmlinux.ksize", SHN_LIVEPATCH, 1),
        ("of unknown type", kernel, good, SHN_LIVEPATCH, 99),
        ("of a symbol that is nowhere", kernel, ".klp.sym.vmlinux.komod_no,0", SHN_LIVEPATCH, 1),
    ] {
        for marked in [false, true] {
            let title = if marked { "a live patch: " } else { "no live patch: " };
            change(&format!("{title}relocations {what}"), &|m| {
                m.add(".komod", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, &[0; 64], 0)?;
                let target = m.section(".komod")? as u64;
                let symbol = m.change_symbol("hello.c", symbol, shndx)?;
                let rela = [8, symbol << 32 | u64::from(kind), 0].map(u64::to_le_bytes).concat();
                m.add(section, SHT_RELA, SHF_RELA_LIVEPATCH, &rela, 0)?;
                m.set(m.section(section)?, Header::Info, target)?;
                match marked {
                    true => m.modinfo("livepatch", Some("Y")),
                    false => Ok(()),
                }
            })?;
        }
    }
    Ok(())
}
