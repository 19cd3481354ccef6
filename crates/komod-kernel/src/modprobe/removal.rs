//! What removing a module takes: it depends on what the kernel has at each step, so the steps are
//! done as they come.

use super::lookup::{Module, Modules};
use super::name;
use crate::host::{Host, ModuleState, loaded};
use crate::index::IndexError;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// How a module is to be removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// Leave out the module's own `remove` command.
    pub ignore_command: bool,
    /// Not being loaded is an error.
    pub first_time: bool,
    /// Remove what uses it before.
    pub holders: bool,
    /// Do not look whether it is in use.
    pub in_use: bool,
    /// Take all modules as loaded and not in use: only show what would be done.
    pub only_show: bool,
}

/// What carries the steps out.
pub trait Remover {
    type Error: From<RemovalError>;

    /// Runs a `remove` command.
    fn command(&mut self, module: &Module, command: &[u8]) -> Result<(), Self::Error>;

    /// Takes a module out of the kernel.
    fn remove(&mut self, module: &Module) -> Result<(), Self::Error>;
}

/// Why a module stays.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("Module {0} is not in kernel.")]
    NotLoaded(String),
    #[error("Module {0} is builtin.")]
    Builtin(String),
    #[error("Module {0} is in use.")]
    InUse(String),
    /// More than [`MOST`] steps.
    #[error("Module {0} needs more than {MOST} steps to be removed")]
    TooMany(String),
}

/// Soft dependencies that name each other can double the steps each time.
const MOST: usize = 100_000;

/// What is still to be done, last first.
enum Work {
    /// All modules of a name, from the last.
    Named(Vec<u8>),
    /// A module, with what belongs to it.
    Whole(Module, bool),
    /// The module itself.
    Just(Module),
    /// What it depends on, as far as nothing else uses it.
    Needs(Module),
    /// What belongs to the last of `above` is done.
    End,
}

/// Removes `target` and what belongs to it.
pub fn remove<R: Remover>(
    modules: Modules<'_>,
    host: &dyn Host,
    target: Module,
    wish: Wish,
    remover: &mut R,
) -> Result<(), R::Error> {
    let shown = shown(&target.name);
    let mut removal = Removal { modules, host, wish, above: Vec::new(), work: Vec::new() };
    removal.work.push(Work::Whole(target, true));
    for _ in 0..MOST {
        let Some(work) = removal.work.pop() else { return Ok(()) };
        removal.step(work, remover)?;
    }
    Err(RemovalError::TooMany(shown).into())
}

struct Removal<'r> {
    modules: Modules<'r>,
    host: &'r dyn Host,
    wish: Wish,
    /// The modules whose soft dependencies or holders are being removed.
    above: Vec<Vec<u8>>,
    work: Vec<Work>,
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

impl Removal<'_> {
    fn step<R: Remover>(&mut self, work: Work, remover: &mut R) -> Result<(), R::Error> {
        match work {
            Work::Named(name) => {
                let found = self.modules.find(&name).map_err(RemovalError::from)?;
                self.work.extend(found.into_iter().map(|module| Work::Whole(module, false)));
            }
            Work::Whole(module, target) => return self.whole(module, target, remover),
            Work::Just(module) => {
                if !self.wish.only_show && !self.wish.in_use && self.uses(&module) != Some(0) {
                    return Err(RemovalError::InUse(shown(&module.name)).into());
                }
                remover.remove(&module)?;
            }
            Work::Needs(module) => {
                for path in module.file.iter().flat_map(|file| &file.needs) {
                    let needed = self.modules.module(&name::of_file(path), None);
                    let needed = needed.map_err(RemovalError::from)?;
                    if self.uses(&needed) == Some(0) {
                        remover.remove(&needed)?;
                    }
                }
            }
            Work::End => {
                self.above.pop();
            }
        }
        Ok(())
    }

    fn whole<R: Remover>(
        &mut self,
        module: Module,
        target: bool,
        remover: &mut R,
    ) -> Result<(), R::Error> {
        if self.above.contains(&module.name) {
            return Ok(());
        }
        let command = match target && self.wish.ignore_command {
            true => None,
            false => self.modules.remove_command(&module),
        };
        if command.is_none() && !self.wish.only_show {
            if module.builtin {
                return match target {
                    true => Err(RemovalError::Builtin(shown(&module.name)).into()),
                    false => Ok(()),
                };
            }
            if !self.is_live(&module) {
                return match target && self.wish.first_time {
                    true => Err(RemovalError::NotLoaded(shown(&module.name)).into()),
                    false => Ok(()),
                };
            }
        }
        if let Some(command) = command {
            return remover.command(&module, command);
        }
        let (pre, post) = self.modules.softdeps(&module);
        let named = |name: &&[u8]| Work::Named(name.to_vec());
        // The last that is pushed is done first.
        self.work.push(Work::End);
        self.work.extend(pre.iter().map(named));
        self.work.push(Work::Needs(module.clone()));
        self.work.push(Work::Just(module.clone()));
        if self.wish.holders && target {
            let holders = loaded::holders(self.host, OsStr::from_bytes(&module.name));
            for holder in holders.into_iter().flatten().rev() {
                let holder = self.modules.module(holder.as_bytes(), None);
                self.work.push(Work::Whole(holder.map_err(RemovalError::from)?, false));
            }
        }
        self.work.extend(post.iter().map(named));
        self.above.push(module.name);
        Ok(())
    }

    fn is_live(&self, module: &Module) -> bool {
        let state = loaded::state(self.host, OsStr::from_bytes(&module.name));
        matches!(state, Ok(Some(ModuleState::Live)))
    }

    /// How often it is in use; `None` if the kernel does not say.
    fn uses(&self, module: &Module) -> Option<i64> {
        loaded::uses(self.host, OsStr::from_bytes(&module.name)).ok()
    }
}
