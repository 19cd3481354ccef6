//! Live patches: their relocations to symbols that nobody exports, and a name no module may have.
//!
//! Sources: `klp_apply_section_relocs()`, `klp_resolve_symbols()`, `klp_module_coming()`,
//! `kernel/livepatch/core.c`, Linux 6.1 and 6.12; Documentation/livepatch/module-elf-format.rst.
//! The kernel goes by the flag of a section, whether or not the module says that it is a live patch.
//!
//! Whether the kernel has the symbols is not known here, so that a live patch is taken to find them
//! all; its relocations are not applied by [`link`](crate::link()).

use crate::session::{Session, Step};
use crate::view::View;
use crate::{Errno, Evidence, RefusalCode};
use alloc::format;
use alloc::string::{String, ToString};
use komod_object::elf::{Elf, SHN_LIVEPATCH};

/// Stands for the kernel itself among objects.
const KERNEL: &str = "vmlinux";
/// Longest name of an object, and of a symbol.
const OBJECT: usize = 55;
const SYMBOL: usize = 511;

/// Checks a section of live patch relocations; true if they are of the kernel itself, and so
/// applied when the module is loaded.
pub(crate) fn section(
    session: &mut Session<'_>,
    view: &View<'_>,
    elf: &Elf<'_>,
    section: usize,
) -> Step<bool> {
    if !session.facts.config.livepatch {
        return Ok(false);
    }
    let name = view.name(section);
    let Some(object) = object(name.as_bytes()) else {
        let text = format!("section {name} has an incorrectly formatted name");
        refuse(session, text, Evidence::section(view.id(section)))?;
        return Ok(false);
    };
    if object != KERNEL.as_bytes() {
        return Ok(false);
    }
    for rela in elf.relas(section) {
        let Some(symbol) = elf.symbols().and_then(|table| table.get(rela.symbol as usize)) else {
            continue;
        };
        let name = symbol.name;
        let problem = if symbol.shndx != SHN_LIVEPATCH {
            "is not marked as a livepatch symbol"
        } else if !is_symbol(name.as_bytes()) {
            "has an incorrectly formatted name"
        } else {
            continue;
        };
        let evidence = Evidence::symbol(name.to_string()).at(rela.offset);
        refuse(session, format!("symbol {name} {problem}"), evidence)?;
        // A survey has enough of one.
        return Ok(false);
    }
    Ok(true)
}

/// `vmlinux` is the kernel's own name.
pub(crate) fn name(session: &mut Session<'_>, module: &str) -> Step {
    if module != KERNEL || !session.facts.config.livepatch {
        return Ok(());
    }
    refuse(session, "vmlinux.ko: invalid module name".into(), Evidence::symbol(module))
}

fn refuse(session: &mut Session<'_>, text: String, evidence: Evidence) -> Step {
    session.error(format!("livepatch: {text}"));
    session.refuse(RefusalCode::Livepatch, Errno::EINVAL, evidence)
}

/// The object in `.klp.rela.OBJECT.SECTION`, as far as the kernel reads it.
fn object(name: &[u8]) -> Option<&[u8]> {
    let rest = name.strip_prefix(b".klp.rela.")?;
    let end = rest.iter().take(OBJECT).position(|byte| *byte == b'.');
    let object = &rest[..end.unwrap_or(rest.len().min(OBJECT))];
    (!object.is_empty()).then_some(object)
}

/// `.klp.sym.OBJECT.SYMBOL,POSITION`.
fn is_symbol(name: &[u8]) -> bool {
    let parts = || {
        let rest = name.strip_prefix(b".klp.sym.")?;
        let dot = rest.iter().position(|byte| *byte == b'.')?;
        let rest = (1..=OBJECT).contains(&dot).then(|| &rest[dot + 1..])?;
        let comma = rest.iter().position(|byte| *byte == b',')?;
        let digit = rest.get(comma + 1)?;
        Some((1..=SYMBOL).contains(&comma) && digit.is_ascii_digit())
    };
    parts().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sections_and_symbols() {
        assert_eq!(object(b".klp.rela.vmlinux..text.x"), Some(&b"vmlinux"[..]));
        assert_eq!(object(b".klp.rela.ext4"), Some(&b"ext4"[..]));
        assert_eq!(object(b".klp.rela..text"), None);
        assert_eq!(object(b".rela.klp.vmlinux"), None);
        assert!(is_symbol(b".klp.sym.vmlinux.printk,0") && is_symbol(b".klp.sym.a.b.c,12x"));
        for bad in [".klp.sym.vmlinux.printk", ".klp.sym.vmlinux.printk,x", ".klp.sym..a,0", "a"] {
            assert!(!is_symbol(bad.as_bytes()), "{bad}");
        }
    }
}
