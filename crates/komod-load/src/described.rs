//! A kernel described by tables: facts, exported symbols, loaded modules.

use crate::kernel::{Facts, Kernel, Owner, Resolved, State};
use crate::table::ModuleTable;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use komod_object::symvers::{Entry, ExportKind, Symvers};

/// A symbol the kernel image exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelSymbol {
    /// Address.
    pub address: u64,
    /// Checksum.
    pub crc: Option<u32>,
    /// Only for modules under a GPL-compatible licence.
    pub gpl_only: bool,
    /// Namespace.
    pub namespace: Option<String>,
}

/// A kernel that answers from tables. See the example at the crate's root.
#[derive(Clone, Debug)]
pub struct Described {
    /// Facts.
    pub facts: Facts,
    /// Symbols the kernel image exports.
    pub symbols: BTreeMap<String, KernelSymbol>,
    /// Loaded modules.
    pub modules: ModuleTable,
    /// Names taken in `/sys/module` by built-in code.
    pub builtin: BTreeSet<String>,
}

impl Described {
    /// A kernel that exports nothing and has no modules.
    pub fn new(facts: Facts) -> Self {
        Described {
            facts,
            symbols: BTreeMap::new(),
            modules: ModuleTable::new(),
            builtin: BTreeSet::new(),
        }
    }

    /// Adds a symbol without checksum or restriction.
    pub fn export(&mut self, name: impl Into<String>, address: u64) -> &mut KernelSymbol {
        self.symbols.entry(name.into()).or_insert(KernelSymbol {
            address,
            crc: None,
            gpl_only: false,
            namespace: None,
        })
    }

    /// Adds the symbols of a `Module.symvers` for which `address` knows an address.
    pub fn add_symvers(
        &mut self,
        symvers: &Symvers<'_>,
        mut address: impl FnMut(&Entry<'_>) -> Option<u64>,
    ) {
        for entry in symvers.entries() {
            let Some(address) = address(entry) else { continue };
            let symbol = KernelSymbol {
                address,
                crc: self.facts.config.modversions.then_some(entry.crc),
                gpl_only: entry.kind == ExportKind::Gpl,
                namespace: entry.namespace.map(ToString::to_string),
            };
            self.symbols.insert(entry.name.to_string(), symbol);
        }
    }
}

impl Kernel for Described {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn lookup(&self, name: &str) -> Option<Resolved<'_>> {
        let own = self.symbols.get(name).map(|symbol| Resolved {
            address: symbol.address,
            crc: symbol.crc,
            gpl_only: symbol.gpl_only,
            namespace: symbol.namespace.as_deref(),
            owner: Owner::Kernel,
        });
        own.or_else(|| self.modules.lookup(name))
    }

    fn module_state(&self, name: &str) -> Option<State> {
        self.modules.module(name).map(|module| module.state)
    }

    fn is_builtin(&self, name: &str) -> bool {
        self.builtin.contains(name)
    }
}
