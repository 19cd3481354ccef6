//! A module's sections, read from the memory of a machine that has stopped before the module's
//! init. The layout of the structures is the kernel's own word (`/sys/kernel/btf/vmlinux`).

use super::remote::Remote;
use komod_kernel::btf::Btf;
use std::io::{self, Read, Write};

/// As many sections as one module is believed to have.
const MAX_SECTIONS: u64 = 512;
const NAME: usize = 64;

/// What is known of a module that is about to be initialised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formed {
    pub name: String,
    /// Its `module_init`, if it has one.
    pub init: u64,
    pub sections: Vec<(String, u64)>,
}

/// Reads the `struct module` at this address.
pub fn formed<S: Read + Write>(
    machine: &mut Remote<S>,
    btf: &Btf,
    module: u64,
) -> io::Result<Formed> {
    let field = |structure: &str, path: &str| {
        let found = btf.field(structure, path).map(|at| u64::from(at.offset));
        found.ok_or_else(|| io::Error::other(format!("struct {structure} has no {path}")))
    };
    let name = machine.text(module + field("module", "name")?, NAME - 8)?;
    let init = machine.number(module + field("module", "init")?)?;
    let list = machine.number(module + field("module", "sect_attrs")?)?;
    let count = machine.number(list + field("module_sect_attrs", "nsections")?)? & 0xffff_ffff;
    let first = list + field("module_sect_attrs", "attrs")?;
    let size = u64::from(btf.struct_size("module_sect_attr").unwrap_or_default());
    let (name_at, address_at) =
        (field("module_sect_attr", "battr.attr.name")?, field("module_sect_attr", "address")?);
    let mut sections = Vec::new();
    for n in 0..count.min(MAX_SECTIONS) {
        let attribute = first + n * size;
        let text = machine.number(attribute + name_at)?;
        sections.push((machine.text(text, NAME)?, machine.number(attribute + address_at)?));
    }
    Ok(Formed { name, init, sections })
}
