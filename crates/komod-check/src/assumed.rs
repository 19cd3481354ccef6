//! The kernel at the moment a module comes: just booted, with the modules it needs loaded.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use komod_kernel::exports::OwnedExport;
use komod_load::{
    Facts, Kernel, LinkedExport, LogLine, Owner, Resolved, SignatureVerdict, State, Taint,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::links::Links;
use crate::machine::Machine;
use crate::target::Target;

/// Modules that were found to load, and what they export.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// By symbol.
    pub(crate) exports: FxHashMap<String, GivenExport>,
    /// Names of all modules that are checked: they stand for the kernel's own of these names.
    pub(crate) given: FxHashSet<String>,
    /// Symbols that several of them export, and which.
    pub(crate) contested: FxHashMap<String, Vec<String>>,
    /// What modules that do not load would have exported, and which.
    pub(crate) lost: BTreeMap<String, String>,
}

impl Loaded {
    /// Nothing yet, of these.
    pub(crate) fn of(all: &[Links]) -> Self {
        let mut first: FxHashMap<&str, &str> = FxHashMap::default();
        let mut contested: FxHashMap<String, Vec<String>> = FxHashMap::default();
        for Links { name, exports, .. } in all {
            for symbol in exports {
                let other = *first.entry(symbol).or_insert(name);
                if other != name {
                    let owners = contested.entry(symbol.clone());
                    owners.or_insert_with(|| vec![other.to_owned()]).push(name.clone());
                }
            }
        }
        let given = all.iter().map(|links| links.name.clone()).filter(|name| !name.is_empty());
        Loaded { given: given.collect(), contested, ..Loaded::default() }
    }
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
    /// One more module, of which only this export is known.
    also: Option<(&'t str, &'t str)>,
    /// What was found out about the module's signature: it may be asked for several times.
    signature: Rc<OnceCell<Signature>>,
}

/// A signature that was judged.
#[derive(Debug)]
struct Signature {
    payload: Range<*const u8>,
    verdict: SignatureVerdict,
    log: Vec<LogLine>,
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
        let signature = Rc::default();
        let mut assumed = Assumed { target, machine, loaded, facts, there, also: None, signature };
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
        let Assumed { target, machine, loaded, also, .. } = *self;
        let (there, signature) = (self.there.clone(), self.signature.clone());
        Assumed { target, machine, loaded, facts, there, also, signature }
    }

    /// The same kernel with one more module loaded, which exports this symbol.
    pub(crate) fn with_module<'s>(&self, name: &'s str, symbol: &'s str) -> Assumed<'s>
    where
        't: 's,
    {
        let mut more: Assumed<'s> = self.with(|_| ());
        more.there.insert(name);
        more.also = Some((symbol, name));
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
        let owner = self.target.owner(symbol)?;
        (!self.loaded.given.contains(owner)).then_some(owner)
    }

    /// Modules that are not there but export the same symbol.
    pub(crate) fn rivals(&self, symbol: &str) -> impl Iterator<Item = &'t str> {
        let contested = self.loaded.contested.get(symbol).into_iter().flatten();
        let owners = contested.map(String::as_str).chain(self.owner(symbol));
        owners.filter(|owner| !self.there.contains(owner))
    }

    /// What the kernel, or a module of its own, exports by that name, and where that is.
    fn stock(&self, symbol: &str) -> Option<(u64, OwnedExport<'t>)> {
        let number = self.target.exports.find(symbol)?;
        let export = self.target.exports.get(number)?;
        Some((address(number, export.owner.is_some()), export))
    }

    /// The module of this name as the owner of a symbol, if it is there.
    fn there(&self, name: &'t str, taints: Taint) -> Option<Owner<'t>> {
        if !self.there.contains(name) {
            return None;
        }
        let found = self.machine.find(name);
        let state = found.map_or(State::Live, |module| module.state);
        let taints = found.map_or(taints, |module| module.taints);
        Some(Owner::Module { name, state, taints })
    }
}

/// Where the symbols are supposed to be. Real addresses differ at each boot; what counts is that
/// all of them lie where 32 bits with a sign reach, as in every x86-64 kernel
/// (`Documentation/arch/x86/x86_64/mm.rst`: text from `ffffffff80000000`, modules behind it).
const KERNEL_TEXT: u64 = 0xffff_ffff_8100_0000;
const OTHER_MODULES: u64 = 0xffff_ffff_e000_0000;

/// The place of an export by its number in the table.
fn address(number: u32, of_module: bool) -> u64 {
    let start = if of_module { OTHER_MODULES } else { KERNEL_TEXT };
    start + 16 * u64::from(number)
}

impl<'t> Kernel for Assumed<'t> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn lookup(&self, name: &str) -> Option<Resolved<'_>> {
        let stock = self.stock(name);
        let of_stock = |owner: Owner<'t>| {
            let (address, OwnedExport { crc, gpl_only, namespace, .. }) = stock?;
            Some(Resolved { address, crc, gpl_only, namespace, owner })
        };
        let owner = stock.map(|(_, export)| export.owner);
        if owner == Some(None) {
            return of_stock(Owner::Kernel);
        }
        if let Some((_, module)) = self.also.filter(|(symbol, _)| *symbol == name) {
            let owner = self.there(module, Taint::default())?;
            let address = address(0, true);
            return Some(Resolved { address, crc: None, gpl_only: false, namespace: None, owner });
        }
        if let Some(given) = self.loaded.exports.get(name) {
            let LinkedExport { address, crc, gpl_only, ref namespace, .. } = given.export;
            let owner = self.there(&given.owner, given.taints)?;
            return Some(Resolved {
                address,
                crc,
                gpl_only,
                namespace: namespace.as_deref(),
                owner,
            });
        }
        let owner = owner??;
        if self.loaded.given.contains(owner) {
            return None;
        }
        of_stock(self.there(owner, Taint::default())?)
    }

    fn module_state(&self, name: &str) -> Option<State> {
        let state = self.machine.find(name)?.state;
        // The kernel waits for one that starts; mostly that works.
        Some(if matches!(state, State::Coming | State::Unformed) { State::Live } else { state })
    }

    fn is_builtin(&self, name: &str) -> bool {
        self.target.builtin.contains(name)
    }

    fn verify_signature(
        &self,
        payload: &[u8],
        signature: &[u8],
        log: &mut Vec<LogLine>,
    ) -> SignatureVerdict {
        let known = self.signature.get_or_init(|| {
            let mut log = Vec::new();
            let modprobe = self.machine.modprobe;
            let verdict = self.target.trust.judge(payload, signature, modprobe, &mut log);
            Signature { payload: payload.as_ptr_range(), verdict, log }
        });
        if known.payload != payload.as_ptr_range() {
            return self.target.trust.judge(payload, signature, self.machine.modprobe, log);
        }
        log.extend(known.log.iter().cloned());
        known.verdict
    }
}
