//! The module list as state: what is loaded, who holds whom, what may be unloaded.
//!
//! Sources: `add_unformed_module()`, `do_init_module()`, `delete_module(2)` and `ref_module()`,
//! `kernel/module/main.c`, Linux 6.1 and 6.12.

use crate::kernel::{Config, Owner, Resolved, State};
use crate::link::{Image, LinkedExport};
use crate::log::WARNING;
use crate::plan::Plan;
use crate::region::RegionId;
use crate::struct_module::NAME_LEN;
use crate::{Errno, LogLine, Taint};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Memory a module occupies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupied {
    /// Region.
    pub id: RegionId,
    /// Address.
    pub address: u64,
    /// Bytes.
    pub size: u64,
}

/// A module in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedModule {
    /// Name.
    pub name: String,
    /// State.
    pub state: State,
    /// References: one for each module that uses this one, and those taken by
    /// [`ModuleTable::get`]; one more while init runs. What `lsmod` shows as `Used by`.
    pub references: u32,
    /// Modules it uses.
    pub uses: Vec<String>,
    /// What it exports, by name.
    pub exports: BTreeMap<String, LinkedExport>,
    /// Its taint.
    pub taint: Taint,
    /// It has an init function.
    pub has_init: bool,
    /// It has an exit function.
    pub has_exit: bool,
    /// Memory it occupies; init memory disappears when init has succeeded.
    pub memory: Vec<Occupied>,
}

impl LoadedModule {
    /// Bytes it occupies, as `lsmod` shows them.
    pub fn size(&self) -> u64 {
        self.memory.iter().map(|occupied| occupied.size).sum()
    }

    /// Taint and transition as `/proc/modules` and Oops messages show them: `(OE)`, `(+)`, empty.
    pub fn flags(&self) -> String {
        let mark = match self.state {
            State::Going => "-",
            State::Coming => "+",
            _ => "",
        };
        let letters = self.taint.module_letters();
        match (letters.is_empty(), mark.is_empty()) {
            (true, true) if self.taint == Taint::default() => String::new(),
            _ => format!("({letters}{mark})"),
        }
    }
}

/// What the end of init leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitOutcome {
    /// The module is live.
    Live {
        /// Init memory to be freed.
        freed: Vec<Occupied>,
        /// Log lines about an odd return value.
        dmesg: Vec<LogLine>,
    },
    /// Init failed, the module is gone from the list.
    Unwound {
        /// The module's error.
        errno: Errno,
        /// The module as it was, with all the memory to be freed.
        module: LoadedModule,
    },
}

/// A permitted unload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unloading {
    /// The exit function is to be called now.
    pub call_exit: bool,
    /// It was forced, which taints the kernel.
    pub forced: bool,
}

/// The module list.
#[derive(Clone, Debug, Default)]
pub struct ModuleTable {
    modules: Vec<LoadedModule>,
}

impl ModuleTable {
    /// An empty list.
    pub fn new() -> Self {
        ModuleTable::default()
    }

    /// The modules, the one loaded last first, as in `/proc/modules`.
    pub fn modules(&self) -> impl Iterator<Item = &LoadedModule> {
        self.modules.iter()
    }

    /// The module of this name.
    pub fn module(&self, name: &str) -> Option<&LoadedModule> {
        self.modules.iter().find(|module| module.name == name)
    }

    fn module_mut(&mut self, name: &str) -> Option<&mut LoadedModule> {
        self.modules.iter_mut().find(|module| module.name == name)
    }

    /// Modules that use `name`.
    pub fn holders(&self, name: &str) -> impl Iterator<Item = &LoadedModule> {
        self.modules.iter().filter(move |module| module.uses.iter().any(|used| used == name))
    }

    /// The first module in the list that exports `symbol`.
    pub fn lookup(&self, symbol: &str) -> Option<Resolved<'_>> {
        let formed = self.modules.iter().filter(|module| module.state != State::Unformed);
        formed.into_iter().find_map(|module| {
            let export = module.exports.get(symbol)?;
            Some(Resolved {
                address: export.address,
                crc: export.crc,
                gpl_only: export.gpl_only,
                namespace: export.namespace.as_deref(),
                owner: Owner::Module {
                    name: &module.name,
                    state: module.state,
                    taints: module.taint,
                },
            })
        })
    }

    /// Puts a linked module into the list, coming: its exports can be found, the modules it uses
    /// are held. The next thing is to run its init function.
    ///
    /// Fails with `EEXIST` or `EBUSY` if the name is taken, `ENOENT` if a used module has gone.
    pub fn begin(&mut self, plan: &Plan<'_>, image: &Image) -> Result<(), Errno> {
        if let Some(old) = self.module(&plan.name) {
            return Err(if old.state == State::Live { Errno::EEXIST } else { Errno::EBUSY });
        }
        for used in &plan.uses {
            match self.module(used).map(|module| module.state) {
                Some(State::Live) => {}
                Some(State::Coming | State::Unformed) => return Err(Errno::EBUSY),
                Some(State::Going) | None => return Err(Errno::ENOENT),
            }
        }
        self.hold(&plan.uses);
        let memory = |region: &crate::LinkedRegion| Occupied {
            id: region.id,
            address: region.address,
            size: region.bytes.len() as u64,
        };
        let exports = image.exports.iter().map(|export| (export.name.clone(), export.clone()));
        let module = LoadedModule {
            name: plan.name.clone(),
            state: State::Coming,
            references: 1,
            uses: plan.uses.clone(),
            exports: exports.collect(),
            taint: plan.taint,
            has_init: plan.has_init,
            has_exit: plan.has_exit,
            memory: image.regions.iter().map(memory).filter(|m| m.size > 0).collect(),
        };
        self.modules.insert(0, module);
        Ok(())
    }

    fn hold(&mut self, uses: &[String]) {
        for used in uses {
            if let Some(module) = self.module_mut(used) {
                module.references = module.references.saturating_add(1);
            }
        }
    }

    fn release(&mut self, uses: &[String]) {
        for used in uses {
            if let Some(module) = self.module_mut(used) {
                module.references = module.references.saturating_sub(1);
            }
        }
    }

    fn remove(&mut self, name: &str) -> Option<LoadedModule> {
        let index = self.modules.iter().position(|module| module.name == name)?;
        let module = self.modules.remove(index);
        self.release(&module.uses);
        Some(module)
    }

    /// Init has returned `code` (0 if there is no init function).
    ///
    /// `None` if no module of this name is coming.
    pub fn init_returned(&mut self, name: &str, code: i32) -> Option<InitOutcome> {
        self.module(name).filter(|module| module.state == State::Coming)?;
        if code < 0 {
            let errno = Errno(code.checked_neg().unwrap_or(i32::MAX));
            let mut module = self.remove(name)?;
            module.state = State::Going;
            return Some(InitOutcome::Unwound { errno, module });
        }
        let module = self.module_mut(name)?;
        module.state = State::Live;
        module.references = module.references.saturating_sub(1);
        let (freed, kept): (Vec<_>, Vec<_>) =
            module.memory.iter().partition(|occupied| occupied.id.is_init());
        module.memory = kept;
        let mut dmesg = Vec::new();
        if code > 0 {
            let from = "do_init_module";
            let lines = [
                format!(
                    "{from}: '{name}'->init suspiciously returned {code}, it should follow 0/-E \
                     convention"
                ),
                format!("{from}: loading module anyway..."),
            ];
            dmesg.extend(lines.map(|text| LogLine { level: WARNING, text }));
        }
        Some(InitOutcome::Live { freed, dmesg })
    }

    /// Takes a reference, as `try_module_get()`: false if the module is going or not there.
    pub fn get(&mut self, name: &str) -> bool {
        match self.module_mut(name).filter(|module| module.state != State::Going) {
            Some(module) => {
                module.references = module.references.saturating_add(1);
                true
            }
            None => false,
        }
    }

    /// Gives a reference back, as `module_put()`.
    pub fn put(&mut self, name: &str) {
        self.release(&[name.to_string()]);
    }

    /// `delete_module(2)` until exit is called: permitted, or `ENOENT`, `EAGAIN` (in use), `EBUSY`
    /// (still starting or already going, or without an exit function).
    ///
    /// `force` is `O_TRUNC`, which counts only with `CONFIG_MODULE_FORCE_UNLOAD`.
    pub fn unload(&mut self, name: &str, force: bool, config: &Config) -> Result<Unloading, Errno> {
        let force = force && config.force_unload;
        if name.is_empty() || name.len() >= NAME_LEN {
            return Err(Errno::ENOENT);
        }
        let module = self.module(name).filter(|module| module.state != State::Unformed);
        let module = module.ok_or(Errno::ENOENT)?;
        if self.holders(name).next().is_some() {
            return Err(Errno::EAGAIN);
        }
        if module.state != State::Live {
            return Err(Errno::EBUSY);
        }
        let no_exit = module.has_init && !module.has_exit;
        if no_exit && !force {
            return Err(Errno::EBUSY);
        }
        let in_use = module.references > 0;
        if in_use && !force {
            return Err(Errno::EAGAIN);
        }
        let unloading = Unloading { call_exit: module.has_exit, forced: no_exit || in_use };
        if let Some(module) = self.module_mut(name) {
            module.state = State::Going;
        }
        Ok(unloading)
    }

    /// Exit has returned: takes the module out of the list and releases what it used. Its memory is
    /// to be freed. `None` if no module of this name is going.
    pub fn unloaded(&mut self, name: &str) -> Option<LoadedModule> {
        self.module(name).filter(|module| module.state == State::Going)?;
        self.remove(name)
    }
}
