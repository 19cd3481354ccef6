//! The kernel at the moment a module comes: just booted, with the modules it needs loaded.

use std::collections::{BTreeMap, BTreeSet};

use komod_load::{Facts, Kernel, LinkedExport, Owner, Resolved, SignatureVerdict, State, Taint};

use crate::machine::Machine;
use crate::signer::signer;
use crate::target::Target;

/// Modules that were found to load, and what they export.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// By symbol.
    pub(crate) exports: BTreeMap<String, GivenExport>,
    /// Names of all modules that are checked: they stand for the kernel's own of these names.
    pub(crate) given: BTreeSet<String>,
    /// What modules that do not load would have exported, and which.
    pub(crate) lost: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct GivenExport {
    pub(crate) export: LinkedExport,
    pub(crate) owner: String,
    pub(crate) taints: Taint,
}

/// What a module finds.
pub(crate) struct Assumed<'t> {
    target: &'t Target,
    machine: &'t Machine,
    loaded: &'t Loaded,
    facts: Facts,
    /// Modules that are there: the machine's, and those that are loaded because this one uses them.
    there: BTreeSet<&'t str>,
}

impl<'t> Assumed<'t> {
    /// For a module of this name with these imports.
    pub(crate) fn new(
        target: &'t Target,
        machine: &'t Machine,
        loaded: &'t Loaded,
        name: &str,
        imports: &[String],
    ) -> Self {
        let mut facts = target.facts.clone();
        machine.apply(&mut facts);
        let there = machine.loaded.iter().map(|module| module.name.as_str()).collect();
        let mut assumed = Assumed { target, machine, loaded, facts, there };
        // What was checked before is loaded in any case.
        let owners = imports.iter().filter_map(|symbol| match machine.only_loaded {
            false => assumed.owner(symbol),
            true => loaded.exports.get(symbol).map(|given| given.owner.as_str()),
        });
        let used: Vec<&str> = owners.filter(|owner| *owner != name).collect();
        assumed.there.extend(used);
        assumed
    }

    /// The same kernel with facts of a certain machine.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Facts)) -> Self {
        let mut facts = self.facts.clone();
        change(&mut facts);
        let Assumed { target, machine, loaded, .. } = *self;
        Assumed { target, machine, loaded, facts, there: self.there.clone() }
    }

    /// The same kernel with one more module loaded.
    pub(crate) fn with_module(&self, name: &'t str) -> Self {
        let mut more = self.with(|_| ());
        more.there.insert(name);
        more
    }

    /// The module that exports a symbol, if it is a module's.
    fn owner(&self, symbol: &str) -> Option<&'t str> {
        match self.loaded.exports.get(symbol) {
            Some(given) => Some(&given.owner),
            None => self.stock_owner(symbol),
        }
    }

    fn stock_owner(&self, symbol: &str) -> Option<&'t str> {
        let owner = self.target.exports.get(symbol)?.owner.as_deref()?;
        (!self.loaded.given.contains(owner)).then_some(owner)
    }

    /// A module that is not there but exports the same symbol.
    pub(crate) fn rival(&self, symbol: &str) -> Option<&'t str> {
        self.owner(symbol).filter(|owner| !self.there.contains(owner))
    }

    fn of_module(&self, symbol: &str) -> Option<Resolved<'_>> {
        let owner = self.owner(symbol).filter(|owner| self.there.contains(owner))?;
        let found = self.machine.find(owner);
        let state = found.map_or(State::Live, |module| module.state);
        let of = |taints: Taint| {
            let taints = found.map_or(taints, |module| module.taints);
            Owner::Module { name: owner, state, taints }
        };
        if let Some(given) = self.loaded.exports.get(symbol) {
            let export = &given.export;
            return Some(Resolved {
                address: export.address,
                crc: export.crc,
                gpl_only: export.gpl_only,
                namespace: export.namespace.as_deref(),
                owner: of(given.taints),
            });
        }
        let export = self.target.exports.get(symbol)?;
        Some(Resolved {
            address: export.address,
            crc: export.crc,
            gpl_only: export.gpl_only,
            namespace: export.namespace.as_deref(),
            owner: of(Taint::default()),
        })
    }
}

impl Kernel for Assumed<'_> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn lookup(&self, name: &str) -> Option<Resolved<'_>> {
        let own = self.target.exports.get(name).filter(|exported| exported.owner.is_none());
        own.map(|exported| Resolved {
            address: exported.address,
            crc: exported.crc,
            gpl_only: exported.gpl_only,
            namespace: exported.namespace.as_deref(),
            owner: Owner::Kernel,
        })
        .or_else(|| self.of_module(name))
    }

    fn module_state(&self, name: &str) -> Option<State> {
        let state = self.machine.find(name)?.state;
        // The kernel waits for one that starts; mostly that works.
        Some(if matches!(state, State::Coming | State::Unformed) { State::Live } else { state })
    }

    fn is_builtin(&self, name: &str) -> bool {
        self.target.builtin.contains(name)
    }

    /// Nothing here can check a signature. Who signs the kernel's own modules is trusted by it;
    /// whether it trusts others is for the machine to say.
    fn verify_signature(&self, _payload: &[u8], signature: &[u8]) -> SignatureVerdict {
        match (&self.target.signer, signer(signature)) {
            (Some(stock), Some(this)) if stock.as_slice() == this => SignatureVerdict::Valid,
            _ => SignatureVerdict::UnknownKey,
        }
    }
}
