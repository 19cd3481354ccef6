//! A whole module file.

use crate::elf::{Elf, Section, Symbol};
use crate::export::{self, Export};
use crate::modinfo::ModInfo;
use crate::params::{self, Param};
use crate::signature::{self, Signature};
use crate::versions::Versions;
use crate::{ParseError, Text, bytes};
use alloc::vec::Vec;

/// Where `struct module` keeps the name on every 64-bit kernel: after the state and a list head
/// (`include/linux/module.h`, Linux 6.1 and 6.12).
pub(crate) const NAME_OFFSET: usize = 24;
/// `MODULE_NAME_LEN` on 64-bit machines.
pub(crate) const NAME_LEN: usize = 56;

/// A symbol the module needs from the kernel or another module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import<'a> {
    /// Name.
    pub name: Text<'a>,
    /// May stay unresolved.
    pub weak: bool,
    /// Index in the symbol table.
    pub symbol: usize,
}

/// A parsed module. Parsing checks the ELF structure; the tables inside are read on demand.
#[derive(Clone, Debug)]
pub struct Module<'a> {
    elf: Elf<'a>,
    signature: Option<Signature<'a>>,
    modinfo: ModInfo<'a>,
}

impl<'a> Module<'a> {
    /// Parses an uncompressed module file, signed or not.
    ///
    /// Fails on anything that is no 64-bit little-endian relocatable ELF object with a `.modinfo`
    /// section. Whether a kernel would accept the module is another question: `komod-load`'s.
    pub fn parse(data: &'a [u8]) -> Result<Module<'a>, ParseError> {
        let signature = signature::split(data)?;
        let elf = Elf::parse(signature.map_or(data, |signature| signature.payload))?;
        let modinfo = elf.section_by_name(".modinfo").ok_or(ParseError::Missing {
            name: ".modinfo",
            hint: if elf.section_by_name(".text").is_some() {
                " (an object file before modpost and linking?)"
            } else {
                ""
            },
        })?;
        Ok(Module { modinfo: ModInfo::new(modinfo.data()), signature, elf })
    }

    /// The ELF object.
    pub fn elf(&self) -> &Elf<'a> {
        &self.elf
    }

    /// The appended signature.
    pub fn signature(&self) -> Option<&Signature<'a>> {
        self.signature.as_ref()
    }

    /// The `.modinfo` strings.
    pub fn modinfo(&self) -> &ModInfo<'a> {
        &self.modinfo
    }

    /// The name the kernel will know the module by: from `.modinfo`, else from `struct module`.
    pub fn name(&self) -> Text<'a> {
        self.modinfo.get("name").unwrap_or_else(|| {
            let data = self.this_module().map(|section| section.data()).unwrap_or_default();
            let field = data.get(NAME_OFFSET..NAME_OFFSET + NAME_LEN).unwrap_or_default();
            bytes::c_str(field, 0).unwrap_or_default()
        })
    }

    /// The checksums of the imported symbols; `None` without a `__versions` section.
    pub fn versions(&self) -> Option<Versions<'a>> {
        self.elf.section_by_name("__versions").map(|section| Versions::new(section.data()))
    }

    /// The section that holds `struct module` as the module was built with it.
    pub fn this_module(&self) -> Option<Section<'a>> {
        self.elf.section_by_name(".gnu.linkonce.this_module")
    }

    /// The exported symbols.
    pub fn exports(&self) -> Result<Vec<Export<'a>>, ParseError> {
        export::exports(&self.elf)
    }

    /// The undefined symbols, in symbol table order.
    pub fn imports(&self) -> impl Iterator<Item = Import<'a>> + '_ {
        let symbols = self.elf.symbols();
        symbols.into_iter().flat_map(|table| table.iter().skip(1)).filter_map(|symbol| {
            (symbol.is_undefined() && !symbol.name.is_empty()).then_some(Import {
                name: symbol.name,
                weak: symbol.is_weak(),
                symbol: symbol.index,
            })
        })
    }

    /// The documented parameters.
    pub fn params(&self) -> Vec<Param<'a>> {
        params::documented(&self.modinfo)
    }

    /// The symbol of the init function, if the module has one.
    pub fn init(&self) -> Option<Symbol<'a>> {
        self.defined("init_module")
    }

    /// The symbol of the exit function, if the module has one.
    pub fn exit(&self) -> Option<Symbol<'a>> {
        self.defined("cleanup_module")
    }

    fn defined(&self, name: &str) -> Option<Symbol<'a>> {
        self.elf.symbols()?.by_name(name).filter(|symbol| !symbol.is_undefined())
    }
}
